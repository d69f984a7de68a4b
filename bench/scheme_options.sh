# What schemes.sh, scheme_losses.sh and examples/curse-of-depth/run.sh have in
# common; read by them, not run.

# Takes `--NAME VALUE` and `--NAME=VALUE`, NAME one of the variables named first,
# up to `--`, and puts what is no option into `schemes`.
take_scheme_options() {
  local script=$1 known=" "
  shift
  while [[ $1 != -- ]]; do
    known+="$1 "
    shift
  done
  shift
  schemes=()
  while [[ $# -gt 0 ]]; do
    if [[ $1 == --*=* ]]; then
      set -- "${1%%=*}" "${1#*=}" "${@:2}"
    fi
    if [[ $1 == --* && $known == *" ${1#--} "* && $# -gt 1 ]]; then
      printf -v "${1#--}" %s "$2"
      shift 2
    elif [[ $1 == -* ]]; then
      echo "$script: error: unknown option '$1', or one without a value; see" \
        "the file's head" >&2
      exit 1
    else
      schemes+=("$1")
      shift
    fi
  done
}

# The schemes that lnsc knows, a line each.
list_schemes() {
  "$1/lnsc" --list-norms | sed -n '/^options/q; s/^  \([a-z][^ ]*\) .*/\1/p'
}
