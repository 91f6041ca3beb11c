#include "vxt_packet.h"

const vxt_field vxt_fields[] = {
#define X(type, count, name, kind, level, unit, text)                                                                  \
    {#name, kind, unit, text, offsetof(vxt_packet, name), sizeof(((vxt_packet *)0)->name), VXT_LEVEL_##level},
    VXT_PACKET_FIELDS(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0, VXT_LEVEL_FRAME}};

const vxt_name vxt_status_names[] = {
#define X(name, family, slug, text) {#name, #family, #slug, text, VXT_##name, 0},
    VXT_STATUS(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0}};

const vxt_name vxt_flag_names[] = {
#define X(name, bit, text) {#name, "", "", text, VXT_FLAG_##name, 0},
    VXT_FLAGS(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0}};

const vxt_name vxt_tunnel_names[] = {
#define X(name, value, option, carrier, port, parser, text) {#name, #carrier, option, text, VXT_TUNNEL_##name, port},
    VXT_TUNNELS(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0}};
