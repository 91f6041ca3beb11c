# What the border sees of the C core. Structs are declared with the members it touches only; the compiler knows the rest.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "vxtap.h" nogil:
    enum:
        VXT_MAX_CAPLEN
        VXT_MAX_PORTS
        VXT_MAX_DEPTH
        VXT_MAX_TESTS
        VXT_MAX_INTERFACES
        VXT_MAX_SIGHTS
        VXT_SIGHT_DOUBTS
        VXT_MAX_DATAGRAM
        VXT_FRAG_LEAST
        VXT_MAX_COLUMNS
        VXT_OUTCOMES
        VXT_IPLEN
        VXT_MACLEN
        VXT_IPV4_TEXT
        VXT_IP_TEXT
        VXT_MAC_TEXT

    ctypedef enum vxt_status:
        VXT_OK
        VXT_MALFORMED
        VXT_MORE_INPUT
        VXT_MORE_OUTPUT
        VXT_MORE_INTERFACES
        VXT_MORE_SIGHTS
        VXT_MORE_FRAGMENTS
        VXT_MORE_HISTORY

    ctypedef enum vxt_format:
        VXT_FORMAT_UNKNOWN
        VXT_FORMAT_PCAP
        VXT_FORMAT_PCAPNG

    ctypedef enum vxt_level:
        pass

    ctypedef struct vxt_field:
        const char *name
        const char *kind
        const char *unit
        const char *text
        uint16_t offset
        uint16_t size
        vxt_level level

    ctypedef struct vxt_name:
        const char *name
        const char *family
        const char *slug
        const char *text
        uint32_t value
        uint32_t port

    ctypedef struct vxt_packet:
        pass

    const vxt_field vxt_fields[]
    const vxt_name vxt_status_names[]
    const vxt_name vxt_flag_names[]
    const vxt_name vxt_tunnel_names[]
    const vxt_name vxt_link_names[]

    ctypedef struct vxt_port:
        uint16_t port
        uint8_t tunnel

    ctypedef struct vxt_test:
        pass

    ctypedef struct vxt_where:
        const vxt_test *tests
        const uint64_t *words
        uint32_t count
        uint32_t word_count

    ctypedef struct vxt_options:
        vxt_port *ports
        uint32_t port_count
        uint32_t gre
        uint32_t depth
        uint32_t vni_count
        const uint32_t *vnis
        vxt_where where
        uint32_t source
        vxt_level level
        bint skipped_rows
        bint once
        bint partial
        bint plain

    ctypedef struct vxt_interface:
        uint64_t frames
        int64_t ts_offset
        uint32_t number
        uint32_t linktype
        uint32_t snaplen
        uint8_t ts_resol
        uint8_t name_len
        char *name

    ctypedef struct vxt_interfaces:
        vxt_interface *items
        uint32_t capacity
        uint32_t count
        uint32_t forgotten

    ctypedef struct vxt_pcap:
        bint big
        uint32_t record_len
        uint32_t tick
        uint16_t major
        uint16_t minor

    ctypedef struct vxt_pcapng:
        bint big
        uint16_t major
        uint16_t minor

    ctypedef struct vxt_reader:
        vxt_interfaces interfaces
        uint64_t stop
        vxt_pcap pcap
        vxt_pcapng pcapng
        vxt_format format
        uint64_t offset
        uint64_t frames

    ctypedef struct vxt_tunnel_key:
        uint8_t *outer_src
        uint8_t *outer_dst
        uint32_t vni
        uint32_t source
        uint32_t tunnel

    ctypedef struct vxt_tunnel_row:
        vxt_tunnel_key key
        uint64_t frames
        uint64_t bytes

    ctypedef struct vxt_tunnels:
        uint64_t seed
        uint64_t other
        uint32_t count
        vxt_tunnel_row *rows

    ctypedef struct vxt_counter:
        uint64_t key
        uint64_t count

    ctypedef struct vxt_counters:
        uint32_t count
        uint64_t other
        vxt_counter *rows

    ctypedef struct vxt_census:
        vxt_tunnels tunnels
        vxt_counters interfaces
        vxt_counters ports
        uint64_t unreachables

    ctypedef struct vxt_key:
        pass

    ctypedef struct vxt_sight:
        pass

    ctypedef struct vxt_slice:
        pass

    vxt_slice vxt_slice_of(const uint8_t *p, size_t n)

    ctypedef struct vxt_stretch:
        uint64_t offset
        uint64_t length

    ctypedef struct vxt_doubts:
        int64_t *times
        int64_t until
        int64_t latest
        uint64_t last
        int64_t when
        bint unsure

    ctypedef struct vxt_sights:
        vxt_sight *items
        uint32_t capacity
        uint32_t filled
        uint32_t unhashed
        bint can_recall
        bint keep_all
        vxt_key key
        uint64_t digest
        vxt_doubts doubts

    ctypedef struct vxt_slot:
        pass

    ctypedef struct vxt_frags:
        vxt_slot *slots
        uint8_t *whole
        uint32_t capacity
        uint32_t most
        uint64_t earliest
        uint64_t lost
        uint64_t pushed

    ctypedef struct vxt_memory:
        vxt_sights sights
        vxt_frags frags

    ctypedef struct vxt_pass:
        vxt_reader reader
        vxt_options options
        vxt_memory memory
        vxt_census *census
        uint64_t *outcomes
        uint64_t *kept
        uint64_t timeless
        int64_t first
        int64_t last
        bint ending

    ctypedef struct vxt_column:
        uint16_t source "from"
        uint16_t size
        uint16_t to

    ctypedef struct vxt_pieces:
        uint8_t *data
        size_t size
        size_t used

    ctypedef struct vxt_scan:
        vxt_pass books "pass"
        vxt_column *columns
        uint32_t column_count
        uint32_t row_size
        vxt_pieces pieces
        bint broken

    ctypedef struct vxt_output:
        bint pcapng
        bint ethernet
        bint nano
        uint64_t rounded
        uint64_t unwritable
        vxt_tunnels *tunnels

    ctypedef struct vxt_rewrite:
        vxt_pass books "pass"
        vxt_output output
        bint keep_others

    ctypedef struct vxt_progress:
        size_t used
        size_t made

    ctypedef struct vxt_framing:
        vxt_interfaces table

    ctypedef struct vxt_known:
        uint64_t *seen

    bint vxt_where_check(const vxt_where *where)
    void vxt_join_framing(const vxt_reader *reader, vxt_framing *framing)
    vxt_interface vxt_join_interface(const vxt_reader *reader, uint32_t i)
    void vxt_join_assume(vxt_reader *reader, const vxt_framing *framing, uint64_t offset)
    bint vxt_join_waits(const vxt_pass *books)
    bint vxt_join_open(const vxt_pass *books, uint64_t first, uint64_t last, bint alone)
    void vxt_join_begin(vxt_pass *part, vxt_known *known)
    bint vxt_join_fits(vxt_pass *whole, const vxt_pass *part, vxt_known *known)
    vxt_status vxt_join_sights(vxt_pass *whole, const vxt_pass *part, const vxt_known *known, uint32_t *done)
    void vxt_join(vxt_pass *whole, vxt_pass *part)
    size_t vxt_find_record(const vxt_reader *reader, vxt_slice src, uint64_t offset, bint last)
    size_t vxt_find_meeting(const vxt_reader *reader, vxt_slice src, uint64_t offset, size_t until,
                            uint8_t *marks)
    vxt_status vxt_reader_end(const vxt_reader *reader, size_t left, uint64_t *tail)
    void vxt_reader_next_file(vxt_reader *reader, size_t left)
    uint64_t vxt_reader_fault_offset(const vxt_reader *reader)
    uint64_t vxt_reader_interface_frames(const vxt_reader *reader, uint32_t index)
    void vxt_key_set(vxt_key *key, uint64_t seed)
    vxt_stretch vxt_sights_history(const vxt_sights *sights)
    void vxt_sights_recall(vxt_sights *sights, vxt_slice bytes)
    void vxt_sights_move(vxt_sights *sights, vxt_sight *items, uint32_t capacity)
    void vxt_frags_begin(vxt_frags *frags, uint64_t seed, uint64_t timeout, uint32_t most)
    void vxt_frags_grown(vxt_frags *frags, uint32_t capacity)
    vxt_status vxt_scan_run(vxt_scan *scan, const uint8_t *src, size_t length, void *rows, size_t size,
                            size_t *used, size_t *count)
    vxt_status vxt_rewrite_run(vxt_rewrite *w, const uint8_t *src, size_t length, uint8_t *dst, size_t size,
                               bint in_place, vxt_progress *progress)
    size_t vxt_rewrite_end(vxt_rewrite *w, uint8_t *dst)
    void vxt_format_array(const uint8_t *src, size_t stride, size_t count, size_t size, uint32_t *dst, size_t width)
    size_t vxt_parse_array(const uint32_t *src, size_t width, size_t count, size_t size, uint8_t *dst)
    bint vxt_all_ipv4(const uint8_t *src, size_t stride, size_t count)
