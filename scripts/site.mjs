// Turns what wasm-bindgen made of the app, the styles and the public files into `dist/`, which the server embeds:
//
//   dist/pkg/<hash>/latchkey.js, latchkey_bg.wasm, latchkey.css, icons.svg …   each with .br and .gz beside it
//   dist/favicon.svg, robots.txt …                                             what must lie at the root
//
// <hash> is that of all the files together, so that a browser may keep them for ever.
//
//   node scripts/site.mjs fresh [--dev]   exits 0 if dist/ was built from the inputs as they are
//   node scripts/site.mjs pack [--dev]    writes dist/ from wasm-bindgen's output
//   node scripts/site.mjs check           fails if scripts and wasm have grown beyond their budget

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { shortNames } from './short-names.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const [command, mode] = process.argv.slice(2);
const dev = mode === '--dev';

const inputs = [
  'app', 'crates/domain', 'style', 'public', 'Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml',
  'scripts/build-site', 'scripts/site.mjs', 'scripts/short-names.mjs', 'scripts/tools', 'scripts/package-lock.json',
];
/** What browsers and robots ask for at the root of the site. */
const atRoot = ['favicon.ico', 'favicon.svg', 'robots.txt'];
const compressible = /\.(css|html|js|json|svg|txt|wasm|webmanifest)$/;
/** Scripts and wasm of the first load, in Brotli. */
const budget = 150_000;

const bindings = 'target/site/bindings';
const stamp = 'target/site/inputs';

const commands = { fresh, pack, check };
if (!commands[command]) throw new Error(`no command ${command}: one of ${Object.keys(commands).join(', ')}`);
await commands[command]();

function fresh() {
  const same = existsSync(stamp) && readFileSync(stamp, 'utf8') === hashOfInputs() && existsSync('dist/pkg');
  process.exitCode = same ? 0 : 1;
}

async function pack() {
  // Before anything else: what changes from here on is in the next build, not in this one.
  const hashBefore = hashOfInputs();
  const out = 'target/site/out';
  rmSync(out, { recursive: true, force: true });
  if (existsSync('public')) cpSync('public', out, { recursive: true });
  mkdirSync(out, { recursive: true });

  const bound = { wasm: readFileSync(join(bindings, 'latchkey_bg.wasm')), script: readFileSync(join(bindings, 'latchkey.js'), 'utf8') };
  const { wasm, script } = dev ? bound : shortNames(bound.wasm, bound.script);
  writeFileSync(join(out, 'latchkey_bg.wasm'), dev ? wasm : optimized(wasm));
  // Beside wasm-bindgen's own, for what that imports.
  const source = join(bindings, 'latchkey.packed.js');
  writeFileSync(source, script);
  await bundle('app/src/islands/start.js', join(out, 'latchkey.js'), { bindings: `./${source}` });
  await bundle('style/main.css', join(out, 'latchkey.css'));

  const files = filesIn(out);
  const hash = createHash('sha256');
  for (const file of files) hash.update(file.slice(out.length)).update('\0').update(readFileSync(file)).update('\0');
  const name = hash.digest('hex').slice(0, 16);

  for (const file of files.filter((file) => compressible.test(file))) compress(file);

  for (const file of atRoot) {
    const destination = join('dist', file);
    mkdirSync('dist', { recursive: true });
    if (existsSync(join(out, file))) cpSync(join(out, file), destination);
    else rmSync(destination, { force: true });
  }
  // The new folder comes before the old ones go: a server that reads dist/ while it changes finds one.
  const folder = join('dist/pkg', name);
  mkdirSync('dist/pkg', { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(out, folder);
  for (const other of readdirSync('dist/pkg').filter((other) => other !== name)) {
    rmSync(join('dist/pkg', other), { recursive: true });
  }
  writeFileSync(stamp, hashBefore);
  report(folder);
}

function check() {
  const [folder] = readdirSync('dist/pkg');
  const size = ['latchkey.js', 'latchkey_bg.wasm']
    .map((file) => readFileSync(join('dist/pkg', folder, `${file}.br`)).length)
    .reduce((sum, size) => sum + size);
  console.log(`scripts and wasm, in Brotli: ${bytes(size)} of ${bytes(budget)}`);
  if (size > budget) {
    console.error(`error: ${bytes(size - budget)} over the budget of the first load`);
    process.exitCode = 1;
  }
}

/** Makes the wasm small, or takes the last result for the same bytes: it is slow. */
function optimized(wasm) {
  const flags = [
    '-Oz', '--converge', '--strip-debug', '--strip-producers',
    // What is put into its callers is shorter by calls, but longer in Brotli: small functions resemble each other.
    '--always-inline-max-function-size=0', '--flexible-inline-max-function-size=0',
    '--one-caller-inline-max-function-size=20',
    // What Rust assumes of every browser.
    '--enable-bulk-memory', '--enable-sign-ext', '--enable-nontrapping-float-to-int', '--enable-mutable-globals',
    '--enable-reference-types', '--enable-multivalue',
  ];
  const hash = createHash('sha256').update(flags.join()).update(wasm).digest('hex').slice(0, 16);
  const cache = 'target/site/wasm-opt';
  const result = join(cache, `${hash}.wasm`);
  if (!existsSync(result)) {
    rmSync(cache, { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    const input = join(cache, 'input.wasm');
    writeFileSync(input, wasm);
    execFileSync('scripts/node_modules/.bin/wasm-opt', [input, '-o', `${result}.part`, ...flags], { stdio: 'inherit' });
    rmSync(input);
    renameSync(`${result}.part`, result);
  }
  return readFileSync(result);
}

/**
 * Makes one file of a script or style sheet and what it imports; `alias` says what files are meant by names. What
 * `url(…)` names lies beside it when served.
 */
async function bundle(input, output, alias) {
  const { build } = await import('esbuild');
  const urls = {
    name: 'urls',
    setup: ({ onResolve }) => onResolve({ filter: /./ }, ({ kind }) => (kind === 'url-token' ? { external: true } : null)),
  };
  await build({
    entryPoints: [input],
    outfile: output,
    bundle: true,
    minify: !dev,
    format: input.endsWith('.js') ? 'esm' : undefined,
    target: 'es2022',
    alias,
    plugins: [urls],
  }).catch(() => process.exit(1)); // it has said why
}

function compress(file) {
  const content = readFileSync(file);
  const quality = dev ? 1 : 11;
  const brotli = brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
  writeFileSync(`${file}.br`, brotli);
  writeFileSync(`${file}.gz`, gzipSync(content, { level: Math.min(quality, 9) }));
}

function hashOfInputs() {
  const hash = createHash('sha256').update(dev ? 'dev' : 'release');
  for (const input of inputs.filter((input) => existsSync(input))) {
    for (const file of filesIn(input)) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** The file itself, or all files below the folder, in a stable order. */
function filesIn(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function report(folder) {
  console.log(`${folder}`);
  for (const file of filesIn(folder).filter((file) => !/\.(br|gz)$/.test(file))) {
    const raw = readFileSync(file).length;
    const brotli = existsSync(`${file}.br`) ? readFileSync(`${file}.br`).length : raw;
    console.log(`  ${file.slice(folder.length + 1).padEnd(24)} ${bytes(raw).padStart(11)}  ${bytes(brotli).padStart(9)} in Brotli`);
  }
}

function bytes(count) {
  return count.toLocaleString('en');
}
