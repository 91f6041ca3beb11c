"""What captures can be converted to, and how: facts for the command's parser, too, which loads nothing large."""

from __future__ import annotations

from typing import Literal, get_args

#: What captures can be converted to.
Form = Literal["pcap", "pcapng", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)
#: How addresses stand in columns.
Addresses = Literal["text", "binary"]
ADDRESSES: tuple[Addresses, ...] = get_args(Addresses)
#: What Parquet files can be divided by into folders, and the column that tells it.
Partition = Literal["day", "vni"]
PARTITIONS = dict(zip(get_args(Partition), ("ts", "vni"), strict=True))
