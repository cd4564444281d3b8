# Sourced by every command: finds the checkout and the virtual environment, makes the latter once.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${BIOCOSMOS_VENV:-$ROOT/.venv}
export PYTHONPATH=$ROOT BIOCOSMOS_HOME=${BIOCOSMOS_HOME:-$ROOT/.biocosmos}
export PATH=$VENV/bin:$PATH

ensure() { # ensure run|dev: install requirements/$1.txt when it changed since the last time
  local stamp=$VENV/.$1-requirements
  cmp -s "$ROOT/requirements/$1.txt" "$stamp" || "$ROOT/bin/setup" "$1"
}
