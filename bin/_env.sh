# Sourced by every command: finds the checkout and the virtual environment, makes the latter once.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${BIOCOSMOS_VENV:-$ROOT/.venv}
export PYTHONPATH=$ROOT BIOCOSMOS_HOME=${BIOCOSMOS_HOME:-$ROOT/.biocosmos}
export PATH=$VENV/bin:$PATH
# Idle threads of a model sleep instead of spinning: where decoding or Postgres share the cores, a
# model that spins is several times slower, and so are they.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-0}

ensure() { # ensure run|dev: install requirements/$1.txt when it changed since the last time
  local stamp=$VENV/.$1-requirements
  cmp -s "$ROOT/requirements/$1.txt" "$stamp" || "$ROOT/bin/setup" "$1"
}
