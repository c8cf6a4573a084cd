# Completion of prhelperctl for bash.
_prhelperctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            -*) ;;
            *) command=$word; break ;;
        esac
    done
    case $previous in
        -k | --socket | -c | --control | --log)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            compopt -o filenames 2>/dev/null
            return ;;
        -T | --prout-type)
            mapfile -t COMPREPLY < <(compgen -W '1 3 5 6 7 8' -- "$current")
            return ;;
        --as)
            mapfile -t COMPREPLY < <(compgen -u -- "$current")
            return ;;
        -m | --vm | -n | --count) return ;;
        -K | -S | -X | -Q | --param-rk | --param-sark | --transport-id | --relative-target-port | --timeout) return ;;
    esac
    if [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_prhelperctl_words)" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_prhelperctl_words "$command")" -- "$current")
    elif [ "$command" = log-level ]; then
        mapfile -t COMPREPLY < <(compgen -W 'error info debug bytes' -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
    fi
}

# The subcommands or, of one of them, the long options: as the program itself has them.
_prhelperctl_words() {
    "${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
        if [ $# -eq 0 ]; then
            sed -n 's/^    \([a-z][a-z-]*\).*/\1/p'
        else
            grep -Eo -- '--[a-z][a-z-]*' | sort -u
        fi
}

complete -F _prhelperctl prhelperctl
