"""A mirrored virtual machine in miniature: network namespaces, a kernel VXLAN mirror, a load balancer, two collectors.

::

    source 10.90.0.36 --+                                     +-- collector 1 10.90.2.4  (10.90.2.100 on lo)
                       bridge [host] ---- underlay ---- [balancer]
    web    10.90.0.38 --+                                     +-- collector 2 10.90.2.5  (10.90.2.100 on lo)

The mirror is on the host's side of the source's cable, below the machine, as a cloud's is: tc copies each frame to a
vxlan device, which sends it to 10.90.2.100. The balancer has two ways there and chooses by a hash of the outer ports.

A namespace here has no name: it lives as long as a process in it, and all those die with the one that started them,
however that one ends. So there is nothing to clash with and nothing to sweep up.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE, WEB, GATEWAY, FABRIC = "10.90.0.36", "10.90.0.38", "10.90.0.1", "10.90.2.17"
COLLECTORS = ("10.90.2.4", "10.90.2.5")
BALANCER, BALANCED = "10.90.2.18", "10.90.2.100"
MAC = "00:22:48:00"  # and two bytes more: the machines of the underlay, which need not ask each other
UNDERLAY_MTU = 1600  # room for a frame of 1,514 bytes in its tunnel
VNI = {"source": 500, "web": 501}
COPY = "protocol all u32 match u32 0 0 action mirred egress mirror"  # tc's words for: each frame, once more, to
TRAFFIC = Path(__file__).with_name("traffic.py")
DEADLINE = 30  # seconds after which something hangs
TOOLS = ("ip", "tc", "tcpdump", "ethtool", "nsenter", "unshare", "setpriv")

# No IPv6, so that no machine speaks unasked; no filter for the way back, since the balanced address is on two machines.
SETTINGS = """
net/ipv6/conf/all/disable_ipv6 1
net/ipv6/conf/default/disable_ipv6 1
net/ipv4/conf/all/rp_filter 0
net/ipv4/conf/default/rp_filter 0
net/ipv4/ip_forward 1
net/ipv4/fib_multipath_hash_policy 1
"""


def _collector(address: str, gateway_mac: str) -> str:
    """A machine of its own address, which has the balanced one, too."""
    return f"""
addr add {address}/32 dev eth0
addr add {BALANCED}/32 dev lo
link set eth0 mtu {UNDERLAY_MTU} up
neigh add {BALANCER} lladdr {gateway_mac} dev eth0 nud permanent
route add default via {BALANCER} dev eth0 onlink
"""


# Each machine's commands of `ip`, in this order. {web} is the process that stands for that machine's namespace.
LINKS = {
    "host": f"""
link add br0 type bridge mcast_snooping 0
link add source type veth peer name eth0 address 00:0d:3a:00:00:36 netns {{source}}
link add web type veth peer name eth0 address 00:0d:3a:00:00:38 netns {{web}}
link add under address {MAC}:10:17 type veth peer name under address {MAC}:10:18 netns {{balancer}}
link add tap-source type vxlan id {VNI["source"]} dstport 4789 local {FABRIC} remote {BALANCED} nolearning
link add tap-web type vxlan id {VNI["web"]} dstport 4789 local {FABRIC} remote {BALANCED} nolearning
link set source master br0 up
link set web master br0 up
link set br0 up
addr add {GATEWAY}/24 dev br0
addr add {FABRIC}/30 dev under
link set under mtu {UNDERLAY_MTU} up
link set tap-source up
link set tap-web up
neigh add {BALANCER} lladdr {MAC}:10:18 dev under nud permanent
route add 10.90.2.0/24 via {BALANCER}
""",
    "balancer": f"""
link add one address {MAC}:20:04 type veth peer name eth0 address {MAC}:00:04 netns {{collector1}}
link add two address {MAC}:20:05 type veth peer name eth0 address {MAC}:00:05 netns {{collector2}}
addr add {BALANCER}/30 dev under
link set under mtu {UNDERLAY_MTU} up
link set one mtu {UNDERLAY_MTU} up
link set two mtu {UNDERLAY_MTU} up
neigh add {FABRIC} lladdr {MAC}:10:17 dev under nud permanent
neigh add {COLLECTORS[0]} lladdr {MAC}:00:04 dev one nud permanent
neigh add {COLLECTORS[1]} lladdr {MAC}:00:05 dev two nud permanent
route add {COLLECTORS[0]}/32 dev one
route add {COLLECTORS[1]}/32 dev two
route add {BALANCED}/32 nexthop via {COLLECTORS[0]} dev one onlink nexthop via {COLLECTORS[1]} dev two onlink
""",
    "source": f"addr add {SOURCE}/24 dev eth0\nlink set eth0 up\n",
    "web": f"addr add {WEB}/24 dev eth0\nlink set eth0 up\n",
    "collector1": _collector(COLLECTORS[0], f"{MAC}:20:04"),
    "collector2": _collector(COLLECTORS[1], f"{MAC}:20:05"),
}


class Space:
    """A network namespace, and what runs in it."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        keeper = start(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stack, stdout=subprocess.PIPE)
        assert keeper.stdout is not None
        if not keeper.stdout.readline():
            raise OSError("no network namespace can be made here")
        self.pid = keeper.pid
        self.enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def run(self, *command: str, input: str | None = None) -> str:
        """What a command prints that is done at once."""
        how: dict[str, Any] = {"input": input, "capture_output": True, "text": True, "timeout": DEADLINE}
        ran = subprocess.run([*self.enter, *command], check=False, **how)
        if ran.returncode:
            raise OSError(f"{' '.join(command)}: {ran.stderr.strip()}\n{input or ''}")
        return ran.stdout

    def start(self, *command: str, **how: Any) -> subprocess.Popen[str]:
        """A program that runs until it, or this, ends."""
        return start([*self.enter, *command], self.stack, **how)

    def python(self, *arguments: object) -> list[str]:
        """The command that runs traffic.py: without site, which it does not need and which takes its time."""
        return [sys.executable, "-I", "-S", "-B", str(TRAFFIC), *map(str, arguments)]

    def set_up(self, links: str) -> None:
        """Settings of the kernel, then devices, addresses and routes."""
        for name, value in (line.split() for line in SETTINGS.strip().splitlines()):
            self.run("sh", "-c", f"[ ! -e /proc/sys/{name} ] || echo {value} > /proc/sys/{name}")
        self.run("ip", "-batch", "-", input=f"link set lo up\n{links}")

    def is_up(self) -> bool:
        """Whether all cables of this machine carry something by now."""
        links = self.run("ip", "-o", "link", "show", "type", "veth")
        return all(" state UP " in line for line in links.splitlines())


class Network:
    """Five machines and a load balancer, until the `with` block ends.

    Everything runs on one processor: a frame then passes each queue behind those that came before it, and what the
    source saw first is what was mirrored first. On two, copies overtake each other.
    """

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.stack = stack
            stack.enter_context(on_one_processor())
            self.spaces = {name: Space(stack) for name in LINKS}
            processes = {name: space.pid for name, space in self.spaces.items()}
            for name, links in LINKS.items():
                self.spaces[name].set_up(links.format_map(processes))
            for device in ("source", "web"):
                self.spaces["host"].run("tc", "qdisc", "add", "dev", device, "clsact")
            # As on a wire, the collectors get frames of the cable's size with their checksums filled in.
            self.offload("host", "under", on=False)
            until(lambda: all(space.is_up() for space in self.spaces.values()), "the cables are up")
            self.serve()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def offload(self, name: str, device: str, *, on: bool) -> None:
        """Whether the kernel may hand this device frames that it would have to cut and sum up itself."""
        state = "on" if on else "off"
        wanted = [word for feature in ("tso", "gso", "gro", "tx") for word in (feature, state)]
        self.spaces[name].run("ethtool", "-K", device, *wanted)

    # ---------------------------------------------------------------- the mirror

    def mirror(self, *directions: str, machine: str = "source") -> None:
        """Copy what a machine sends ("egress"), what it gets ("ingress"), in a tunnel of its own."""
        hooks = {"egress": "ingress", "ingress": "egress"}  # what the machine sends comes in at the host's side
        for direction in directions:
            command = f"tc filter add dev {machine} {hooks[direction]} {COPY} dev tap-{machine}"
            self.spaces["host"].run(*command.split())

    def stop_mirror(self, machine: str = "source") -> None:
        """Take both directions away; traffic goes on."""
        for hook in ("ingress", "egress"):
            self.spaces["host"].run("tc", "filter", "del", "dev", machine, hook)

    # ---------------------------------------------------------------- traffic

    def serve(self) -> None:
        """The web server, which answers from here on."""
        space = self.spaces["web"]
        server = space.start(*space.python("serve", WEB), stdout=subprocess.PIPE)
        assert server.stdout is not None
        if not server.stdout.readline():
            raise OSError("the web server did not start")

    def load(self, connections: int, size: int) -> None:
        """So many connections at once from the source, each of which fetches so many bytes."""
        space = self.spaces["source"]
        space.run(*space.python("load", WEB, connections, size))

    @contextmanager
    def steadily(self, size: int) -> Iterator[None]:
        """A connection now and then (some twenty a second) as long as the block lasts."""
        space = self.spaces["source"]
        client = space.start(*space.python("steady", WEB, size), stdin=subprocess.PIPE)
        yield
        client.communicate(timeout=DEADLINE)  # its input ends, so it does
        assert client.returncode == 0

    def mark(self, name: str, address: str, token: str, *, answered: bool) -> None:
        """Send a datagram with this text in it: by then, whatever was on its way before it has arrived."""
        space = self.spaces[name]
        space.run(*space.python("ask" if answered else "tell", address, token))


def start(command: list[str], stack: ExitStack, **how: Any) -> subprocess.Popen[str]:
    """A process that ends with the stack, and with this process if that is killed."""
    child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *command], text=True, **how)
    stack.callback(finish, child)
    return child


def finish(child: subprocess.Popen[str]) -> None:
    """Kill it if it still runs, and do not leave a zombie."""
    child.kill()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    child.wait(DEADLINE)


@contextmanager
def on_one_processor() -> Iterator[None]:
    """This process, and with it those that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def until(what: Callable[[], object], meaning: str) -> None:
    """Wait for something that has to come about."""
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, f"waited in vain until {meaning}"
        time.sleep(0.01)


@functools.cache
def lacking() -> str:
    """Why no such network can be made here; empty where it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid():
        return "needs root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"needs {', '.join(missing)}"
    trials = {
        "veth": "ip link add try0 type veth peer name try1",
        "bridge": "ip link add try2 type bridge",
        "vxlan": "ip link add try3 type vxlan id 1 dstport 4789 local 127.0.0.1 remote 127.0.0.2",
        "clsact": "tc qdisc add dev try0 clsact",
        "mirred": f"tc filter add dev try0 ingress {COPY} dev try3",
    }
    with ExitStack() as stack:
        try:
            space = Space(stack)
        except OSError as error:
            return str(error)
        for name, command in trials.items():
            try:
                space.run(*command.split())
            except OSError:
                return f"needs a kernel with {name}"
    return ""
