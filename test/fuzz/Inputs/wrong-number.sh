#!/bin/sh
# lnsc, but one activation is another one.
sed -i 's/silu/gelu_tanh/' "$1"
exec lnsc "$@"
