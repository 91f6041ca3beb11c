#include "vxt_terms.h"

void vxt_terms_begin(vxt_terms *terms, uint32_t capacity)
{
    terms->capacity = capacity;
    terms->count = 0;
    memset(terms->slots, 0, capacity * sizeof *terms->slots);
}

void vxt_terms_grown(vxt_terms *terms, uint32_t capacity)
{
    uint32_t mask = capacity - 1;

    terms->capacity = capacity;
    memset(terms->slots, 0, capacity * sizeof *terms->slots);
    for (uint32_t number = 0; number < terms->count; number++) {
        uint32_t at = (uint32_t)vxt_term_hash(terms, terms->keys[number]) & mask;
        while (terms->slots[at])
            at = (at + 1) & mask;
        terms->slots[at] = number + 1;
    }
}

size_t vxt_terms_format(const vxt_terms *terms, size_t size, int32_t *offsets, char *text)
{
    size_t used = 0;
    uint8_t key[VXT_IPLEN];

    for (uint32_t number = 0; number < terms->count; number++) {
        vxt_term_put(terms->keys[number], key);
        offsets[number] = (int32_t)used;
        used += size == VXT_IPLEN ? vxt_format_ip(key, &text[used]) : vxt_format_mac(key, &text[used]);
    }
    offsets[terms->count] = (int32_t)used;
    return used;
}
