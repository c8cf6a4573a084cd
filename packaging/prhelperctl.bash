# Completion of prhelperctl for bash.
_prhelperctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' word
    COMPREPLY=()
    if [ "$current" = = ]; then # bash takes --option=value for three words
        current=''
    elif [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            -*) ;;
            *) command=$word; break ;;
        esac
    done
    case $previous in
        -k | --socket | -c | --control | --log) _prhelperctl_files ;;
        -T | --prout-type) _prhelperctl_offer < <(printf '%s\n' 1 3 5 6 7 8) ;;
        --as) _prhelperctl_offer < <(compgen -u) ;;
        -m | --vm) _prhelperctl_offer < <("${COMP_WORDS[0]}" check --vm help 2>/dev/null) ;;
        -n | --count | -K | -S | -X | -Q | --param-rk | --param-sark | --transport-id | --relative-target-port | --timeout) ;;
        *) _prhelperctl_word ;;
    esac
}

# What does not follow an option that has a value.
_prhelperctl_word() {
    if [[ $current == -* ]]; then
        _prhelperctl_offer < <(_prhelperctl_help | sed -nE 's/^  (-[^-][^,]*, )?(--[a-z-]+).*/\2/p')
    elif [ -z "$command" ]; then
        _prhelperctl_offer < <(_prhelperctl_help | sed -n 's/^    \([a-z][a-z-]*\).*/\1/p')
    elif [ "$command" = log-level ]; then
        _prhelperctl_offer < <(printf '%s\n' error info debug bytes)
    elif [ "$command" = trace ]; then
        _prhelperctl_offer < <("${COMP_WORDS[0]%ctl}" --trace help 2>/dev/null)
    elif _prhelperctl_help | grep -q '^  DISK'; then
        _prhelperctl_files
    fi
}

# The program's own help, or that of the subcommand.
_prhelperctl_help() {
    "${COMP_WORDS[0]}" ${command:+"$command"} --help 2>/dev/null
}

_prhelperctl_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
}

# The lines of standard input that go on as the word does, quoted: a machine's name may have anything in it.
_prhelperctl_offer() {
    local word
    while IFS= read -r word; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done
}

complete -F _prhelperctl prhelperctl
