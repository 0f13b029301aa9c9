#!/bin/sh
# Build the wheels in one of PyPA's images, for the platform tag given, and try them there.
#   docker run --rm --env SOURCE_DATE_EPOCH --volume "$PWD:/src" --workdir /src IMAGE release/linux.sh manylinux_2_28
set -eu
tag=$1
curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
  sh -s -- -y --quiet --profile minimal --default-toolchain 1.95
PATH=$HOME/.cargo/bin:$PATH
# The folder belongs to the user outside.
git config --global --add safe.directory "$PWD"
/opt/python/cp313-cp313/bin/python -m venv /tmp/tools
/tmp/tools/bin/python -m pip install --quiet --requirement release/requirements.txt
/tmp/tools/bin/python release/build.py --only wheel --out dist -- --compatibility "$tag"
# The oldest Python that the wheels are for.
/opt/python/cp39-cp39/bin/python -m venv /tmp/try
/tmp/try/bin/python -m pip install --quiet dist/*/*.whl
for command in hermetic-check hermetic-lsp hermetic; do "/tmp/try/bin/$command" --version; done
