// An nginx of our own on a free port, for static files and fixed answers; started, and stopped, by a benchmark.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

import { freePort, request, until } from '../support/host.mjs';

export class Nginx {
  // `folder` is ours to write in; what is below folder/www is served, `locations` are more lines for the server block.
  static async start(folder, locations) {
    const nginx = new Nginx();
    const port = await freePort();
    fs.mkdirSync(path.join(folder, 'www'), { recursive: true });
    const config = path.join(folder, 'nginx.conf');
    fs.writeFileSync(config, `
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  default_type application/json;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  map $arg_cursor $page { "" 1; default $arg_cursor; }
  server {
    listen 127.0.0.1:${port};
    root ${folder}/www;
    location = /alive { return 200 "{}"; }
    ${locations}
  }
}
`);
    nginx.url = `http://127.0.0.1:${port}`;
    nginx.child = spawn('nginx', ['-p', folder, '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    nginx.log = '';
    nginx.child.stderr.on('data', (chunk) => { nginx.log = (nginx.log + chunk).slice(-8192); });
    nginx.child.on('error', (error) => { nginx.log += String(error); });
    await until('nginx to answer', async () => {
      if (nginx.child.exitCode !== null) throw new Error(`nginx ended: ${nginx.log}`);
      return (await request(`${nginx.url}/alive`).catch(() => undefined))?.status === 200 ? true : undefined;
    }, { seconds: 10 });
    return nginx;
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}
