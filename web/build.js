// Builds src/ into the assets that `kera report` puts inside a page: one script, one style sheet, licences, hashes.
// `node build.js` writes them where the Python package keeps them; `node build.js --out FOLDER` writes elsewhere.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.indexOf('--out');
const out = asked > 0 ? process.argv[asked + 1] : join(here, '..', 'kera_mobility', 'results', 'report', 'assets');
const CARRIED = ['echarts', 'zrender', 'tslib', 'leaflet', 'fflate'];

const built = await build({
  absWorkingDir: here,
  entryPoints: { report: 'src/main.js' },
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2020'],
  charset: 'utf8',
  legalComments: 'none',
  loader: { '.png': 'dataurl' },
  outdir: out,
  write: false,
});

const files = {};
for (const file of built.outputFiles) files[file.path.endsWith('.css') ? 'report.css' : 'report.js'] = file.text;
// What would end the element that holds a file, or change how a browser reads it, may stand in none.
for (const [name, text] of Object.entries(files)) if (/<\/(script|style)|<!--|\r/i.test(text)) throw new Error(`${name} cannot stand in a page`);
files['licences.txt'] = CARRIED.map(licence).join('\n\n') + '\n';

mkdirSync(out, { recursive: true });
const hashes = {};
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(out, name), text);
  hashes[name] = createHash('sha256').update(text).digest('hex');
}
writeFileSync(join(out, 'hashes.json'), JSON.stringify(hashes, null, 2) + '\n');

function licence(name) {
  const folder = join(here, 'node_modules', name);
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const parts = ['NOTICE', 'LICENSE', 'LICENSE.txt', 'LICENSE.md'].map((file) => {
    try {
      return readFileSync(join(folder, file), 'utf8').trim();
    } catch {
      return '';
    }
  });
  return `==== ${name} ${about.version} (${about.license}) ====\n\n${parts.filter(Boolean).join('\n\n')}`;
}
