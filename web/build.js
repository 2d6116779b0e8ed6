// Builds src/ and page/ into the assets of `kera report` and `kera serve`: one script, one style sheet, licences, hashes.
// `node build.js` writes them where the Python package keeps them; `node build.js --out FOLDER` writes elsewhere.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.indexOf('--out');
const own = join(here, '..', 'kera_mobility');
const out = asked > 0 ? process.argv[asked + 1] : null;

await bundle('report', 'src/main.js', out ?? join(own, 'results', 'report', 'assets'), ['echarts', 'zrender', 'tslib', 'leaflet', 'fflate']);
await bundle('page', 'page/main.js', out ? join(out, 'page') : join(own, 'serve', 'assets'), ['leaflet']);

async function bundle(name, entry, folder, carried) {
  const built = await build({
    absWorkingDir: here,
    entryPoints: { [name]: entry },
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['es2020'],
    charset: 'utf8',
    legalComments: 'none',
    loader: { '.png': 'dataurl' },
    outdir: folder,
    write: false,
  });

  const files = {};
  for (const file of built.outputFiles) files[file.path.endsWith('.css') ? `${name}.css` : `${name}.js`] = file.text;
  // What would end the element that holds a file, or change how a browser reads it, may stand in none.
  for (const [file, text] of Object.entries(files)) if (/<\/(script|style)|<!--|\r/i.test(text)) throw new Error(`${file} cannot stand in a page`);
  files['licences.txt'] = carried.map(licence).join('\n\n') + '\n';

  mkdirSync(folder, { recursive: true });
  const hashes = {};
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(folder, file), text);
    hashes[file] = createHash('sha256').update(text).digest('hex');
  }
  writeFileSync(join(folder, 'hashes.json'), JSON.stringify(hashes, null, 2) + '\n');
}

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
