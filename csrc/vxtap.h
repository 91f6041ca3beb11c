/* vxtap.h: all that the border calls. */
#ifndef VXTAP_H
#define VXTAP_H

#include "vxt_find.h"
#include "vxt_join.h"
#include "vxt_rewrite.h"
#include "vxt_scan.h"
#include "vxt_text.h"

#endif
