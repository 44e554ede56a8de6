// What `./dev package` packs, without a clean Debian: the installed files run from any prefix, and the unit is sound.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { program, temporaryFolder, until } from '../support/host.mjs';

const unit = path.resolve(import.meta.dirname, '../../config/package/tomada.service');
// What systemd-analyze 252 gives it, rounded up: 10 is a unit with no protection at all.
const EXPOSURE_MAX = 2.1;

function execute(file, args, options = {}) {
  return new Promise((resolve) => execFile(file, args, options, (error, out, err) => resolve({ code: error ? error.code ?? -1 : 0, out, err })));
}

test('an installed host runs from its prefix: worker, plugins and templates are found', async (t) => {
  const root = temporaryFolder();
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const prefix = path.join(root, 'prefix');
  for (const component of ['host', 'plugins', 'sdk']) {
    const { code, err } = await execute('cmake', ['--install', path.resolve(path.dirname(program), '..'), '--component', component, '--prefix', prefix]);
    assert.equal(code, 0, err);
  }
  const env = { PATH: '/usr/bin:/bin', HOME: root, TOMADA_DATA_DIR: path.join(root, 'data'), TOMADA_LISTEN: '127.0.0.1:0' };
  const tomada = path.join(prefix, 'bin/tomada');
  const host = spawn(tomada, ['serve', '--config', path.resolve(import.meta.dirname, '../../config/tomada.toml')], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => { host.on('exit', resolve); });
  t.after(async () => {
    host.kill('SIGTERM');
    assert.equal(await ended, 0);
  });
  await until('the control socket', () => fs.existsSync(path.join(root, 'data/control.sock')) || undefined);
  const listed = JSON.parse((await execute(tomada, ['plugin', 'list', '--json'], { env })).out);
  assert.equal(listed.plugin_dir, path.join(prefix, 'lib/tomada/plugins'));
  // A file is available when a worker has loaded it.
  assert.deepEqual(listed.plugins.map(({ id, available }) => [id, available]), [['aws-s3', true], ['stripe', true], ['webhook', true]]);
  const made = await execute(tomada, ['plugin', 'new', 'mine', '--lang', 'c', '--dir', path.join(root, 'mine')], { env });
  assert.equal(made.code, 0, made.err);
  for (const file of ['lib/systemd/system/tomada.service', 'share/doc/tomada/changelog.gz', 'share/doc/tomada/operations/install.md',
    'share/doc/tomada-plugin-dev/start.md', 'include/tomada/plugin.h'])
    assert.ok(fs.existsSync(path.join(prefix, file)), file);
});

test('systemd accepts the unit, and finds it well closed', async (t) => {
  const root = temporaryFolder();
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  // verify wants the program to be there.
  const here = path.join(root, 'tomada.service');
  fs.writeFileSync(here, fs.readFileSync(unit, 'utf8').replace('/usr/bin/tomada', program));
  const verified = await execute('systemd-analyze', ['verify', here]);
  assert.equal(verified.code, 0, verified.err);
  assert.equal(verified.err.split('\n').filter((line) => line.includes('tomada')).join('\n'), '', 'no warning either');
  const judged = await execute('systemd-analyze', ['security', '--offline=true', `--threshold=${EXPOSURE_MAX * 10}`, here]);
  t.diagnostic(judged.out.trim().split('\n').at(-1));
  assert.equal(judged.code, 0, judged.out);
});
