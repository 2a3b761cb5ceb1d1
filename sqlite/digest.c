#include "sqlite/digest.h"

#include "core/text.h"

#include <openssl/evp.h>

enum gt_status gt_digest_text(const void *bytes, size_t n, char out[GT_DIGEST_TEXT], struct gt_err *err)
{
    unsigned char digest[32];
    if (EVP_Digest(bytes, n, digest, NULL, EVP_sha256(), NULL) != 1)
        return gt_err_set(err, GT_E_INTERNAL, "SHA-256 failed");
    gt_text_hex(out, digest, sizeof digest);
    return GT_OK;
}
