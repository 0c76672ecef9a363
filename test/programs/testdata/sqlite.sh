#!/bin/sh
# A database with a rollback journal, then with a write-ahead log, with readers beside the writer.
set -eu
sql() { sqlite3 -cmd ".timeout 60000" "$@"; }
cd "$M"
for mode in delete wal; do
	db=$mode.db
	sql "$db" "pragma journal_mode=$mode; create table t(i integer primary key, x text);"
	i=0
	while [ $i -lt 5 ]; do
		sql "$db" "begin; insert into t(x) select hex(randomblob(50)) from (
			with recursive c(n) as (select 1 union all select n+1 from c where n < 200) select n from c); commit;"
		sql "$db" 'select count(*) from t' &
		i=$((i + 1))
	done
	wait
	sql "$db" "begin; delete from t where i % 2; rollback;"
	test "$(sql "$db" 'select count(*) from t')" = 1000
	test "$(sql "$db" 'pragma integrity_check')" = ok
	sql "$db" 'delete from t where i % 2; vacuum;'
	test "$(sql "$db" 'select count(*) from t')" = 500
	test "$(sql "$db" 'pragma integrity_check')" = ok
	test ! -e "$db-journal"
done
test "$(sql wal.db 'pragma journal_mode')" = wal
cp wal.db "$W/copy.db"
test "$(sql "$W/copy.db" 'select count(*) from t')" = 500
