#!/bin/sh
# A compiler that knows no model.
echo "$1: error: no such model" >&2
exit 1
