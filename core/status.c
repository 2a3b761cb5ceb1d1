#include "core/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const messages[GT_STATUS_COUNT] = {
#define GT_STATUS_MESSAGE(code, message) [code] = (message),
    GT_STATUS_LIST(GT_STATUS_MESSAGE)
#undef GT_STATUS_MESSAGE
};

static const struct {
    int errnum;
    enum gt_status status;
} errno_table[] = {
    {ENOENT, GT_E_NOENT},
    {ENOTDIR, GT_E_NOENT},
    {EEXIST, GT_E_EXIST},
    {EACCES, GT_E_PERM},
    {EPERM, GT_E_PERM},
    {EROFS, GT_E_PERM},
    {ENOSPC, GT_E_NOSPACE},
    {EDQUOT, GT_E_NOSPACE},
    {EFBIG, GT_E_NOSPACE},
    {ENOMEM, GT_E_NOMEM},
    {EINVAL, GT_E_ARG},
    {EBUSY, GT_E_BUSY},
    {EAGAIN, GT_E_BUSY},
    {ENODEV, GT_E_ABSENT},
    {ENXIO, GT_E_ABSENT},
    {ENOSYS, GT_E_UNSUPPORTED},
    {EOPNOTSUPP, GT_E_UNSUPPORTED},
};

const char *gt_status_message(enum gt_status status)
{
    if ((unsigned)status >= GT_STATUS_COUNT)
        return "unknown status";
    return messages[status];
}

enum gt_status gt_err_set(struct gt_err *err, enum gt_status status, const char *format, ...)
{
    if (err) {
        int saved = errno;
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->status = status;
        errno = saved;
    }
    return status;
}

enum gt_status gt_status_from_errno(int errnum)
{
    for (size_t i = 0; i < sizeof errno_table / sizeof *errno_table; i++)
        if (errno_table[i].errnum == errnum)
            return errno_table[i].status;
    return GT_E_IO;
}

enum gt_status gt_err_set_errno(struct gt_err *err, int errnum, const char *format, ...)
{
    enum gt_status status = gt_status_from_errno(errnum);
    if (err) {
        char detail[GT_ERR_TEXT];
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
        gt_err_set(err, status, "%.380s: %s", detail, strerror(errnum));
    }
    return status;
}
