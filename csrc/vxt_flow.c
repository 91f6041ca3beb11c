#include "vxt_flow.h"

const vxt_field vxt_flow_fields[] = {
#define X(type, count, name, kind, unit, text)                                                                         \
    {#name, kind, unit, text, offsetof(vxt_flow, name), sizeof(((vxt_flow *)0)->name), VXT_LEVEL_FLOW},
    VXT_FLOW_FIELDS(X)
#undef X
        {NULL, NULL, NULL, NULL, 0, 0, VXT_LEVEL_FRAME}};
