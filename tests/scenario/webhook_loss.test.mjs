// A provider sends events while the power goes, again and again, in the middle of it: on a disk that is slow now and then,
// and on one that is full. Whatever was acknowledged is there once, and took effect once; counted by id.
//   TOMADA_KILLS=N (20), TOMADA_SEED=N
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { WebhookSender } from '../support/webhook_sender.mjs';
import { SECRET, check, start, tools } from './loss_support.mjs';
import { seeded, temporaryFolder, until, within } from './support.mjs';

const KILLS = Number(process.env.TOMADA_KILLS ?? 20);
const KILLS_ON_A_FULL_DISK = Math.min(40, Math.ceil(KILLS / 10));
const SEED = Number(process.env.TOMADA_SEED ?? 20260101);
const ACKS_BETWEEN_KILLS = 120;
const SLOW_DISK_MS = 40;
// Room for the events of 40 kills, and for a log that is moved into the database now and then.
const DISK_MIB = 64;
const LOG = { TOMADA_STORE_WAL_BYTES_MAX: String(4 * 1024 * 1024) };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function slowDown(host, slow) {
  const { LD_PRELOAD, SLOW_DISK_MS: _, ...env } = host.env;
  const asan = `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`;
  host.env = slow ? { ...env, LD_PRELOAD: path.join(tools, 'slow_disk.so'), SLOW_DISK_MS: String(SLOW_DISK_MS), ASAN_OPTIONS: asan } : env;
}

test(`kill -9 at ${KILLS - KILLS_ON_A_FULL_DISK} random moments: no acknowledged event is lost or doubled`, async (t) => {
  t.diagnostic(`seed ${SEED}, ${KILLS} kills in all: TOMADA_SEED=${SEED} TOMADA_KILLS=${KILLS} plays it again`);
  const random = seeded(SEED);
  const setup = await start({ env: LOG });
  const { host } = setup;
  const sender = new WebhookSender({ url: `${host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + 1) });
  t.after(async () => {
    await sender.abort();
    await setup.close();
  });
  sender.start();
  for (let kill = 0; kill < KILLS - KILLS_ON_A_FULL_DISK; ++kill) {
    await within(sender.acks(1 + random(ACKS_BETWEEN_KILLS)), `acknowledgements before kill ${kill} of seed ${SEED}`);
    await pause(random(30));
    await host.kill();
    slowDown(host, random(3) === 0);
    await host.launch();
  }
  await within(sender.acks(20), 'the last acknowledgements');
  await sender.stop();
  await check(t, setup, sender, { seconds: 60 + KILLS });
});

test(`and ${KILLS_ON_A_FULL_DISK} on a disk that is full: refused, not lost`, async (t) => {
  const data_dir = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', data_dir], { stdio: 'ignore' });
  } catch {
    fs.rmSync(data_dir, { recursive: true });
    return t.skip('needs the right to mount a small file system');
  }
  const random = seeded(SEED + 2);
  let setup;
  let sender;
  // In this order: the file system goes last.
  t.after(async () => {
    await sender?.abort();
    await setup?.close();
    execFileSync('umount', [data_dir]);
    fs.rmSync(data_dir, { recursive: true });
  });
  setup = await start({ data_dir, env: LOG });
  const { host } = setup;
  const filler = path.join(data_dir, 'filler');
  sender = new WebhookSender({ url: `${host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + 3), prefix: 'f' });
  sender.start();
  for (let kill = 0; kill < KILLS_ON_A_FULL_DISK; ++kill) {
    await within(sender.acks(1 + random(ACKS_BETWEEN_KILLS)), `acknowledgements before the disk is full, ${kill} of seed ${SEED}`);
    const refused = sender.statuses[503] ?? 0;
    fillUp(filler);
    await until('events to be refused', () => ((sender.statuses[503] ?? 0) > refused ? true : undefined));
    await pause(random(30));
    // Killed while there is no room, or just after there was some again.
    if (random(2) === 0) {
      fs.rmSync(filler);
      await pause(random(10));
    }
    await host.kill();
    fs.rmSync(filler, { force: true });
    await host.launch();
  }
  await within(sender.acks(20), 'the last acknowledgements');
  await sender.stop();
  await check(t, setup, sender, { seconds: 60 + KILLS });
  return undefined;
});

function fillUp(file) {
  const handle = fs.openSync(file, 'w');
  try {
    for (;;) fs.writeSync(handle, Buffer.alloc(4096));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  } finally {
    fs.closeSync(handle);
  }
}
