# What run.sh and paper/run-paper.sh have in common; read by them, not run.

# The sed command that lets a model's embedding start at a standard deviation of
# its own: a config.json has one, initializer_range, for all matrices.
embedding_start() { # STD
  echo "/\"model.embed_tokens.weight\"/s/init(normal, [^)]*)/init(normal, $1)/"
}

# Writes the model of a config.json in a scheme to a file.
write_model() { # CONFIG SCHEME STD FILE
  lnsc "$1" --norm="$2" --emit=model -o "$4.part" || return
  sed "$(embedding_start "$3")" "$4.part" >"$4.new" || return
  rm "$4.part"
  if ! grep -q "\"model.embed_tokens.weight\".*init(normal, $3)" "$4.new"; then
    echo "error: $1: the model of --norm=$2 has no embedding that starts" \
      "normal, expected \"model.embed_tokens.weight\" with init(normal, ...);" \
      "take another scheme" >&2
    return 1
  fi
  mv "$4.new" "$4"
}
