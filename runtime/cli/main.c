/* The gtcnn command. All it does stands in command.c, so that tests can call it. */
#include "runtime/cli/verbs.h"

int main(int argc, char *argv[])
{
    return gtcnn_cli_main(argc, argv, stdout, stderr);
}
