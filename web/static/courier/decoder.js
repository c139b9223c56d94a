// The reader, in a worker of its own: frames in, codes out. Served with the policy of the courier page, for a worker
// has its own and must be allowed to compile.

import { prepareZXingModule, readBarcodes } from "/static/vendor/zxing-wasm/reader/index.js";

const WASM = "/static/vendor/zxing-wasm/reader/zxing_reader.wasm";
const FORMATS = {
  code128: "Code128",
  "gs1-128": "Code128",
  itf: "ITF",
  code39: "Code39",
  code93: "Code93",
  codabar: "Codabar",
  ean: "EANUPC",
  qr: "QRCode",
  datamatrix: "DataMatrix",
  pdf417: "PDF417",
  aztec: "Aztec",
  maxicode: "MaxiCode",
};
const WORDS = { Code128: "code128", QRCode: "qr", DataMatrix: "datamatrix", PDF417: "pdf417", MaxiCode: "maxicode" };

const ready = prepareZXingModule({
  overrides: { locateFile: (/** @type {string} */ name, /** @type {string} */ where) => (name.endsWith(".wasm") ? WASM : where + name) },
  fireImmediately: true,
});

addEventListener("message", async ({ data: { image, symbologies } }) => {
  try {
    await ready;
    postMessage(await look(image, symbologies));
  } catch (wrong) {
    console.error(wrong);
    postMessage({ reads: [], ms: 0 }); // a frame lost; the next may be read
  }
});

/** @param {ImageData} image @param {string[]} symbologies in the words of the wire */
async function look(image, symbologies) {
  const began = performance.now();
  const formats = [...new Set(symbologies.map((word) => /** @type {Record<string, string>} */ (FORMATS)[word]).filter(Boolean))];
  const found = await readBarcodes(image, { formats, maxNumberOfSymbols: 16, tryInvert: false, tryDownscale: true });
  const reads = found
    .filter((/** @type {any} */ read) => read.isValid && read.format && read.format !== "None" && read.text)
    .map((/** @type {any} */ read) => ({ sym: wordOf(read), text: read.text, box: corners(read.position) }));
  return { reads, ms: performance.now() - began };
}

/** @param {any} read */
function wordOf(read) {
  const word = /** @type {Record<string, string>} */ (WORDS)[read.format] ?? read.format.toLowerCase();
  if (word === "code128") return read.symbologyIdentifier === "]C1" ? "gs1-128" : "code128";
  if (word.startsWith("qr")) return "qr";
  if (word.startsWith("itf")) return "itf";
  if (word.startsWith("aztec")) return "aztec";
  return /^(ean|upc)/.test(word) ? "ean" : word;
}

/** @param {any} position */
function corners(position) {
  return ["topLeft", "topRight", "bottomRight", "bottomLeft"].map((corner) => position[corner]);
}
