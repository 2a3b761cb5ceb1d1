#include "runtime/cli/fail.h"
#include "runtime/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum gtcnn_status gtcnn_cli_fail(struct gtcnn_err *err, enum gtcnn_status status, const char *format, ...)
{
    if (!err)
        return status;
    int saved = errno;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = status;
    errno = saved;
    return status;
}

enum gtcnn_status gtcnn_cli_fail_path(struct gtcnn_err *err, enum gtcnn_status status, const char *path, const char *format,
                                      ...)
{
    char name[256], reason[GTCNN_ERR_TEXT];
    int saved = errno;
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    errno = saved;
    return gtcnn_cli_fail(err, status, "%s: %s", gtcnn_escape(name, sizeof name, path, SIZE_MAX), reason);
}
