#!/bin/sh
# lnsc, but one op is too much for it.
if grep -qa gated_activation "$1"; then kill -SEGV $$; fi
exec lnsc "$@"
