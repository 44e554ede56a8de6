// Events per second of three receivers, under the same sender, in turns: nginx with a fixed answer (the ceiling: it takes
// the body and does nothing), Tomada, and Express + BullMQ + Redis. Then the proof that no acknowledged event is missing.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { program, until } from '../support/host.mjs';
import { median } from './sync_bench.mjs';
import { SECRET, expressPeer, nginxPeer, tomadaPeer } from './webhook_peers.mjs';

const exec = promisify(execFile);
// Beside the program, not in /tmp, which may be memory: an event must reach a disk.
const scratch = path.join(path.dirname(program), '..');
const CONNECTIONS = 64;
// So many events are made and signed before a round: more than the receiver can take in it.
const EVENTS_PER_SECOND = { nginx: 150_000, tomada: 80_000, express: 15_000 };

async function load(peer, tag, seconds, folder) {
  const acks = path.join(folder, 'acks');
  const { stdout } = await exec(path.join(path.dirname(program), 'webhook_load'), ['--port', peer.port, '--path', peer.path,
    '--secret', SECRET, '--tag', tag, '--count', Math.ceil(EVENTS_PER_SECOND[peer.name] * seconds), '--seconds', seconds,
    '--connections', CONNECTIONS, '--acks', acks].map(String));
  const result = JSON.parse(stdout);
  if (result.acknowledged !== result.answered || result.reconnects > 0)
    throw new Error(`${peer.name} did not take every event: ${stdout}`);
  if (result.exhausted) throw new Error(`${peer.name} was faster than the sender's stock of events`);
  const ids = fs.readFileSync(acks, 'utf8').split('\n').filter(Boolean);
  return { ...result, ids };
}

// CPU seconds of each thread of a process, by name.
export function threadSeconds(pid) {
  const seconds = {};
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    const stat = fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    seconds[`${name}/${task}`] = (Number(fields[11]) + Number(fields[12])) / 100;
  }
  return seconds;
}

// Waits until everything is worked off: events per second of that time.
async function drain(peer, count) {
  const started = Date.now();
  await until(`${peer.name} to work off its events`, async () => ((await peer.backlog()) === 0 ? true : undefined),
    { seconds: 900, every_ms: 50 });
  return (count * 1000) / Math.max(1, Date.now() - started);
}

export async function webhookBench({ rounds = 5, seconds = 5, only = ['nginx', 'tomada', 'express'], env = {}, on_round = () => {} } = {}) {
  const folder = fs.mkdtempSync(path.join(scratch, 'webhook-bench-'));
  const peers = [];
  try {
    const makers = { nginx: nginxPeer, tomada: (at) => tomadaPeer(at, env), express: expressPeer };
    for (const name of only) peers.push(await makers[name](path.join(folder, name)));
    const rounds_of = Object.fromEntries(only.map((name) => [name, []]));
    const acknowledged = Object.fromEntries(only.map((name) => [name, []]));
    const processed_per_second = [];
    // Round 0 warms up: Node compiles, pools fill, files grow.
    for (let round = 0; round <= rounds; ++round) {
      for (let turn = 0; turn < peers.length; ++turn) {
        const peer = peers[(round + turn) % peers.length];
        const before = peer.host && threadSeconds(peer.host.child.pid);
        const started = Date.now();
        const { ids, ...result } = await load(peer, `r${round}x`, round === 0 ? 2 : seconds, folder);
        if (before) {
          const after = threadSeconds(peer.host.child.pid);
          result.cpu = Object.fromEntries(Object.entries(after).map(([name, used]) => [name, used - (before[name] ?? 0)])
            .filter(([, used]) => used > 0.05));
        }
        if (peer.check) acknowledged[peer.name].push(...ids);
        // The next receiver has the machine to itself.
        await drain(peer, ids.length);
        if (peer.name === 'tomada') processed_per_second.push((ids.length * 1000) / (Date.now() - started));
        if (round > 0) rounds_of[peer.name].push(result);
        on_round(peer.name, round, result);
      }
    }
    const proof = {};
    for (const peer of peers)
      if (peer.check) proof[peer.name] = { acknowledged: acknowledged[peer.name].length, ...await peer.check(acknowledged[peer.name]) };
    const summary = Object.fromEntries(only.map((name) => [name, Object.fromEntries(['per_second', 'p50_us', 'p95_us', 'p99_us']
      .map((field) => [field, median(rounds_of[name].map((result) => result[field]))]))]));
    const ratio = (above, below) => {
      if (!rounds_of[above] || !rounds_of[below]) return undefined;
      const ratios = rounds_of[above].map((result, i) => result.per_second / rounds_of[below][i].per_second);
      return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
    };
    return { summary, proof, to_nginx: ratio('tomada', 'nginx'), to_express: ratio('tomada', 'express'),
      processed_per_second: processed_per_second.length > 0 ? median(processed_per_second) : undefined };
  } finally {
    for (const peer of peers) await peer.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // webhook_bench.mjs [ROUNDS] [SECONDS] [RECEIVER...]
  if (!process.env.TOMADA_BIN) throw new Error('say which program with TOMADA_BIN (build/release/bin/tomada)');
  const [rounds, seconds, ...only] = process.argv.slice(2);
  const on_round = (name, round, result) => console.error(round, name, JSON.stringify(result));
  console.log(JSON.stringify(await webhookBench({ rounds: Number(rounds ?? 5), seconds: Number(seconds ?? 5), on_round,
    ...(only.length > 0 ? { only } : {}) }), null, 1));
}
