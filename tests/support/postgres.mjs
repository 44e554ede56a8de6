// The PostgreSQL server of a test: one of its own, or the one that runs for the whole suite (TOMADA_TEST_POSTGRES names
// its folder). See postgres.sh.
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'postgres.sh');

export class Postgres {
  // `tls_dir` (server.crt, server.key) with `password`: only TLS and that password get in.
  static start(folder, { settings = [], tls_dir, password } = {}) {
    const env = { ...process.env, ...(tls_dir && { TLS_DIR: tls_dir, PASSWORD: password }) };
    execFileSync(script, ['start', folder, ...settings], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    return new Postgres(folder);
  }

  constructor(folder) {
    this.folder = folder;
    this.server = fs.readFileSync(path.join(folder, 'url'), 'utf8').trim();
  }

  // As the superuser, in one database: the output's lines.
  sql(database, statement) {
    const out = execFileSync(script, ['sql', this.folder, database, statement], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return out.split('\n').filter((line) => line !== '');
  }

  // A new empty one of the role tomada: its URL.
  createDatabase(name = `test_${crypto.randomUUID().replaceAll('-', '')}`) {
    this.sql('postgres', `CREATE DATABASE ${name} OWNER tomada`);
    return `${this.server}/${name}`;
  }

  // As a crash of the server: every connection ends, what was committed stays.
  restart(mode = 'immediate') {
    execFileSync(script, ['restart', this.folder, mode], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  stop() {
    execFileSync(script, ['stop', this.folder], { stdio: 'ignore' });
  }
}

const databases = new Map();

// Where hosts of this data directory keep their data when the suite runs on PostgreSQL; undefined when it does not.
export function suiteDatabase(data_dir) {
  const folder = process.env.TOMADA_TEST_POSTGRES;
  if (!folder) return undefined;
  if (!databases.has(data_dir)) databases.set(data_dir, new Postgres(folder).createDatabase());
  return databases.get(data_dir);
}
