// A store moves from SQLite to PostgreSQL while the power goes again and again: the same command goes on each time, and at
// the end a host on PostgreSQL has every record, in the same order, and the consumers' cursors still hold.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { program, run } from '../support/host.mjs';
import { Postgres } from '../support/postgres.mjs';
import { FakeProvider, Host, acme, allRecords, connect, seeded, startSync, syncEnd, temporaryFolder, until } from './support.mjs';

const RECORDS = 20_000;
const PAGE_SIZE = 1_000;
const KILLS = 4;
const SEED = Number(process.env.TOMADA_SEED ?? 20260101);

test('killed four times, the same command finishes the copy', async (t) => {
  const random = seeded(SEED);
  t.diagnostic(`seed ${SEED}`);
  const folder = temporaryFolder();
  const postgres = Postgres.start(folder);
  t.after(() => {
    postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const provider = await FakeProvider.start({ count: RECORDS, page_size: PAGE_SIZE });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const integration = await connect(host, key, provider);
  await startSync(host, key, integration);
  assert.equal((await syncEnd(host, key, integration)).status, 'completed');
  const before = await allRecords(host, key, integration);
  assert.equal(before.length, RECORDS);
  const first = await host.api('GET', `/v1/integrations/${integration}/records?limit=1000`, { key });

  const url = postgres.createDatabase('moved');
  const copy = ['store', 'copy', '--from', `sqlite:${path.join(host.data_dir, 'tomada.db')}`, '--to', url];
  const busy = await run(copy, host.env);
  assert.equal(busy.code, 1);
  assert.match(busy.err, new RegExp(`in use by process ${host.child.pid}\\b`));
  await host.stop();

  const rowsThere = () => Number(postgres.sql('moved',
    "SELECT CASE WHEN to_regclass('integrations.store_copy') IS NULL THEN 0 ELSE (xpath('//n/text()', query_to_xml(" +
    "'SELECT coalesce(sum(rows), 0) AS n FROM integrations.store_copy', false, true, '')))[1]::text::bigint END")[0]);
  let rows = 0;
  let kills = 0;
  for (; kills < KILLS; ++kills) {
    const child = spawn(program, copy, { env: host.env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const goal = rows + 1 + random(RECORDS / KILLS);
    await until('rows to arrive', () => (child.exitCode !== null || rowsThere() >= goal ? true : undefined), { every_ms: 5 });
    child.kill('SIGKILL');
    const [code] = await ended;
    if (code === 0) break;  // it was faster than we looked
    const now = rowsThere();
    assert.ok(now >= rows, 'what is there stays there');
    rows = now;
  }
  t.diagnostic(`${kills} kills, ${rows} rows were there at the last one`);
  assert.ok(kills > 0, 'it was killed at least once in the middle');

  const data_dir = temporaryFolder();
  t.after(() => fs.rmSync(data_dir, { recursive: true, force: true }));
  fs.chmodSync(data_dir, 0o700);
  fs.copyFileSync(path.join(host.data_dir, 'master.key'), path.join(data_dir, 'master.key'));
  const moved = new Host({ data_dir, env: { TOMADA_STORE: url, TOMADA_HTTP_ALLOW_PRIVATE: provider.address } });
  await assert.rejects(moved.launch(), /tomada store copy --from sqlite:.*tomada\.db --to postgres:/, 'a half store is no store');

  const finished = await run([...copy, '--json'], host.env);
  assert.equal(finished.code, 0, finished.err);
  const report = JSON.parse(finished.out);
  const table = (name) => report.tables.find((one) => one.name === name);
  assert.equal(table('records').rows, RECORDS);
  assert.match(table('records').sha256, /^[0-9a-f]{64}$/);
  assert.ok(report.rows_written < report.rows, 'it went on where it was');
  const again = await run([...copy, '--json'], host.env);
  assert.equal(JSON.parse(again.out).was_complete, true);

  await moved.launch();
  t.after(() => moved.close());
  assert.deepEqual(await allRecords(moved, key, integration), before);
  const next = await moved.api('GET', `/v1/integrations/${integration}/records?limit=1000&cursor=${encodeURIComponent(first.body.next_cursor)}`, { key });
  assert.deepEqual(next.body.records, before.slice(1000, 2000), 'a cursor from before goes on after it');
  provider.set('one-more', 'Item that came after the move');
  await startSync(moved, key, integration, 'incremental');
  assert.equal((await syncEnd(moved, key, integration)).status, 'completed', 'sealed credentials open with the master key');
  assert.equal((await allRecords(moved, key, integration)).length, RECORDS + 1);
});
