#!/usr/bin/env bash
# The steps of action.yml, which passes its inputs as variables, so that no input becomes part of a script.
set -euo pipefail

venv=${RUNNER_TEMP:?}/hermetic-check

install() {
  local package
  if [ -n "${HERMETIC_PACKAGE:-}" ]; then
    package=$HERMETIC_PACKAGE
  elif [ -n "${HERMETIC_VERSION:-}" ]; then
    package=hermetic-check==$HERMETIC_VERSION
  else
    package=$HERMETIC_ACTION
  fi
  "${HERMETIC_PYTHON:-python3}" -m venv "$venv"
  bin "python" -m pip install --quiet --disable-pip-version-check "$package"
  bin "hermetic-check" --version
}

# Windows has the commands of an environment in another folder.
bin() {
  local name=$1 folder
  shift
  folder=$venv/bin
  [ -d "$folder" ] || folder=$venv/Scripts
  "$folder/$name" "$@"
}

check() {
  local sarif=${HERMETIC_SARIF:-} code=0 arguments=() paths=() line
  if [ -z "$sarif" ] && [ "${HERMETIC_UPLOAD:-false}" = true ]; then
    sarif=$RUNNER_TEMP/hermetic-check.sarif
  fi
  # `read` splits at white space and expands nothing; it fails at the end of the text, which is no failure.
  read -r -d '' -a arguments <<<"${HERMETIC_ARGS:-}" || true
  while IFS= read -r line; do
    if [ -n "$line" ]; then paths+=("$line"); fi
  done <<<"${HERMETIC_PATHS:-.}"
  if [ -n "$sarif" ]; then arguments+=(--output "sarif=$sarif"); fi
  # Bash before 4.4 takes an empty list for an unset variable.
  bin "hermetic-check" --output-format github ${arguments[@]+"${arguments[@]}"} -- ${paths[@]+"${paths[@]}"} || code=$?
  echo "exit-code=$code" >>"$GITHUB_OUTPUT"
  if [ -n "$sarif" ] && [ -e "$sarif" ]; then echo "sarif-file=$sarif" >>"$GITHUB_OUTPUT"; fi
}

verdict() {
  if [ "$HERMETIC_EXIT_CODE" = 1 ] && [ "${HERMETIC_FAIL:-true}" != true ]; then exit 0; fi
  exit "$HERMETIC_EXIT_CODE"
}

"$1"
