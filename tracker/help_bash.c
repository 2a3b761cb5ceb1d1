/* Completion for bash, from the tables of verbs and options. */
#include "tracker/help.h"

#include <string.h>

static void print_verbs(FILE *out)
{
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        fprintf(out, "%s%s", verb == gt_verbs ? "" : " ", verb->name);
}

/* One arm of the case over the words before the cursor: what can follow an option of a verb. */
static void print_value(FILE *out, const struct gt_verb *verb, const struct gt_verb_option *row)
{
    const struct gt_option *option = &gt_options[row->id];
    if (option->kind == GT_OPTION_FLAG)
        return;
    fprintf(out, "    %s:--%s", verb->name, option->name);
    if (option->letter)
        fprintf(out, "|%s:-%c", verb->name, option->letter);
    fputs(") ", out);
    if (option->kind == GT_OPTION_CHOICE) {
        fputs("COMPREPLY=($(compgen -W '", out);
        for (const char *c = gt_option_choices(row); *c; c++)
            fputc(*c == '|' ? ' ' : *c, out);
        fputs("' -- \"$word\"))", out);
    } else if (option->kind == GT_OPTION_FILE) {
        fputs("COMPREPLY=($(compgen -f -- \"$word\"))", out);
    } else if (option->kind == GT_OPTION_FOLDER) {
        fputs("COMPREPLY=($(compgen -d -- \"$word\"))", out);
    } else {
        fputs(":", out);
    }
    fputs("; return ;;\n", out);
}

static void print_options(FILE *out, const struct gt_verb *verb)
{
    fprintf(out, "    %s) options='", verb->name);
    for (const struct gt_verb_option *row = verb->options; !(row->flags & GT_OPTION_END); row++)
        fprintf(out, "%s--%s", row == verb->options ? "" : " ", gt_options[row->id].name);
    fputs("' ;;\n", out);
}

void gt_help_print_bash(FILE *out)
{
    fputs("# Completion of greentrack for bash, printed by: greentrack help --completion bash\n"
          "_greentrack() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} options='' i\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          out);
    print_verbs(out);
    fputs("' -- \"$word\"))\n        return\n    fi\n", out);
    /* Behind `run`, the first word that is no option begins a command with a completion of its own. */
    fputs("    if [ \"$verb\" = run ]; then\n"
          "        for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "            case ${COMP_WORDS[i]} in\n"
          "            --) i=$((i + 1)) ;;\n"
          "            -*) continue ;;\n"
          "            esac\n"
          "            declare -F _command_offset >/dev/null && _command_offset $i\n"
          "            return\n"
          "        done\n"
          "    fi\n"
          "    case $verb:${COMP_WORDS[COMP_CWORD - 1]} in\n",
          out);
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        for (const struct gt_verb_option *row = verb->options; !(row->flags & GT_OPTION_END); row++)
            print_value(out, verb, row);
    fputs("    help:help) COMPREPLY=($(compgen -W '", out);
    print_verbs(out);
    fputs("' -- \"$word\")); return ;;\n    esac\n    case $verb in\n", out);
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        print_options(out, verb);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "}\n"
          "complete -o default -F _greentrack greentrack\n",
          out);
}
