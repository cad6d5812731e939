// Evaluates FILE.onnx on FILE.in by ONNX Runtime and writes FILE.out:
//   node ort.cjs DIR FILE TYPE DIM…
// DIR is where onnxruntime-node is installed.
const fs = require('fs'), path = require('path');
const [dir, file, type, ...dims] = process.argv.slice(2);
const ort = require(path.join(path.resolve(dir), 'node_modules', 'onnxruntime-node'));
const arrays = { float32: Float32Array, int8: Int8Array, int32: Int32Array };
(async () => {
  const b = fs.readFileSync(file + '.in');
  const data = new arrays[type](b.buffer.slice(b.byteOffset, b.byteOffset + b.length));
  const session = await ort.InferenceSession.create(file + '.onnx', { graphOptimizationLevel: 'disabled' });
  const out = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, data, dims.map(Number)) });
  const t = out[session.outputNames[0]].data;
  fs.writeFileSync(file + '.out', Buffer.from(t.buffer, t.byteOffset, t.byteLength));
})().catch((e) => { console.error(e); process.exit(1); });
