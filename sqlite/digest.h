/* SHA-256 of bytes, as 64 hexadecimal digits. Internal to sqlite/. */
#ifndef GT_SQLITE_DIGEST_H
#define GT_SQLITE_DIGEST_H

#include "core/status.h"

#include <stddef.h>

enum { GT_DIGEST_TEXT = 65 };

enum gt_status gt_digest_text(const void *bytes, size_t n, char out[GT_DIGEST_TEXT], struct gt_err *err);

#endif
