/* vxtap.h: all that the border calls. */
#ifndef VXTAP_H
#define VXTAP_H

#include "vxt_rewrite.h"
#include "vxt_scan.h"
#include "vxt_text.h"

#endif
