#!/bin/sh
# Makes the secrets of compose.yml in docker/secrets, each in a file of its own. What is there already stays.
# The folder is closed; the files are open, because containers read them as users of their own.
set -eu
umask 022
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "secrets/$1" ] || cat > "secrets/$1"; }

word | make postgres_password
printf 'postgresql://ctiroute:%s@postgres:5432/ctiroute' "$(cat secrets/postgres_password)" | make store_url
word | make redis_password
printf 'redis://ctiroute:%s@valkey:6379/0' "$(cat secrets/redis_password)" | make redis_url
# Anybody may ask whether it lives; everything else is for ctiroute.
printf 'user default on nopass resetchannels -@all +ping\nuser ctiroute on >%s ~* &* +@all\n' "$(cat secrets/redis_password)" | make redis_users
word | make asterisk_secret
sed -e "s/CHANGE_ME/$(cat secrets/asterisk_secret)/" -e 's#^permit=.*#permit=172.28.57.0/255.255.255.0#' \
    ../asterisk_conf/manager_ctiroute.conf | make asterisk_manager
for phone in 1001 1002; do
    printf '[%s](operator-phone)\naors=%s\nauth=%s\ncallerid=Operator %s <%s>\n' $phone $phone $phone $phone $phone
    printf '[%s](operator-auth)\nusername=%s\npassword=%s\n[%s](operator-aor)\n' $phone $phone "$(word)" $phone
done | make asterisk_phones
