#!/bin/sh
# Makes the bucket of the events, and the user of millrace with what it needs in that bucket. Run again, it changes nothing.
set -eu

secret() {
    cat "/run/secrets/$1"
}

# Passwords go through standard input, where no other user sees them.
printf '%s\n%s\n' "$(secret minio_root_user)" "$(secret minio_root_password)" | mc --quiet alias set store http://minio:9000 >/dev/null
mc mb --ignore-existing store/crawl-results
mc admin policy create store crawl-results /setup/policy.json
printf '%s\n%s\n' "$(secret minio_access_key)" "$(secret minio_secret_key)" | mc admin user add store
# It is an error to attach what is attached; then the list of the user's policies has it.
mc admin policy attach store crawl-results --user "$(secret minio_access_key)" || {
    case "$(mc admin policy entities store --user "$(secret minio_access_key)")" in
        *crawl-results*) ;;
        *) echo "setup: the user has no policy" >&2 && exit 1 ;;
    esac
}
