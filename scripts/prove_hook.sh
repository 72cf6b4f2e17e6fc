#!/usr/bin/env bash
# Runs the pre-commit hook of this working tree on a copy of the example application, as a user would.
#
#     bash scripts/prove_hook.sh
#
# The hook's environment is made by pre-commit and holds fastlint alone, so this also shows that nothing of
# the application has to be installed. Needs git and pre-commit (or .venv/bin/pre-commit, from `.[dev]`).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pre_commit=$(type -P "$root/.venv/bin/pre-commit" || type -P pre-commit) || {
    echo "pre-commit is not installed: pip install pre-commit" >&2
    exit 2
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PRE_COMMIT_HOME=$scratch/home
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

commit_all() {
    git -C "$1" init -q
    git -C "$1" add -A
    git -C "$1" -c user.name=hook -c user.email=hook@example.com commit -qm "$2"
}

# pre-commit installs hooks from a commit: the working tree becomes one, elsewhere.
mkdir "$scratch/fastlint" "$scratch/application"
git -C "$root" ls-files -z -co --exclude-standard | while IFS= read -r -d '' path; do
    [[ -e $root/$path ]] && printf '%s\0' "$path"
done | tar -C "$root" -c --null -T - | tar -C "$scratch/fastlint" -x
commit_all "$scratch/fastlint" "The working tree"

cp -R "$root/examples/shop" "$scratch/application/shop"
printf '__pycache__/\n' >"$scratch/application/.gitignore"
commit_all "$scratch/application" "An application"

# The lines of the example that must be reported end in the code of their rule.
expected=$(grep -rEo '# FL[0-9]{3}$' "$root/examples/shop" --include '*.py' | wc -l)

# Runs a command that has to fail, and to report every marked line.
must_report() {
    local code=0 found
    echo "\$ $*"
    "$@" >"$scratch/output" 2>&1 || code=$?
    cat "$scratch/output"
    echo "exit code: $code"
    found=$(grep -cE '^[^ ]+\.py:[0-9]+:[0-9]+ FL[0-9]{3} ' "$scratch/output" || true)
    if ((code != 1 || found != expected)); then
        echo "failed: the hook reported $found of $expected lines" >&2
        exit 1
    fi
}

cd "$scratch/application"
must_report "$pre_commit" try-repo "$scratch/fastlint" fastlint --all-files --color never

# The same with a configuration file and a commit, which the hook has to stop.
cat >.pre-commit-config.yaml <<END
repos:
  - repo: $scratch/fastlint
    rev: $(git -C "$scratch/fastlint" rev-parse HEAD)
    hooks:
      - id: fastlint
END
"$pre_commit" install
echo "# A change that slows nothing down." >>shop/main.py
git add -A
must_report git -c user.name=hook -c user.email=hook@example.com commit -m "A change"

environment=$(find "$PRE_COMMIT_HOME" -maxdepth 2 -name 'py_env-*' -print -quit)
echo "installed for the hook: $("$environment/bin/python" -m pip list --format freeze | tr '\n' ' ')"
if "$environment/bin/python" -c 'import fastapi' 2>"$scratch/output"; then
    echo "failed: the environment of the hook holds fastapi, so this proves nothing" >&2
    exit 1
fi
echo "passed: the hook stopped the commit and reported all $expected lines"
