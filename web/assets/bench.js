// Times the page's own worker: bench.html?model=FOLDER[&threads=1|2|4][&simd=plain|relaxed]. The figures are shown, and
// stand in window.__done as JSON, or as "ERR …".

const query = new URLSearchParams(location.search);
const progress = document.getElementById("progress");

// The module of `worker_choice.rs`: one function that holds f32x4.relaxed_madd.
const relaxedSimdModule = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00,
  0x0a, 0x13, 0x01, 0x11, 0x00, 0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11, 0xfd, 0x85,
  0x02, 0x0b,
);

async function file(folder, name) {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

function workerScript() {
  const asked = query.get("simd") ?? (WebAssembly.validate(relaxedSimdModule) ? "relaxed" : "plain");
  const scripts = { plain: "worker_loader.js", relaxed: "worker_relaxed_loader.js" };
  if (!(asked in scripts)) throw new Error(`simd=${asked}: expected plain or relaxed`);
  return scripts[asked];
}

async function figures() {
  const model = query.get("model");
  if (!model) throw new Error("model= is missing: the folder of a model, relative to this page");
  const workers = Number(query.get("threads") ?? "1");
  if (![1, 2, 4].includes(workers)) throw new Error(`threads=${query.get("threads")}: expected 1, 2 or 4`);
  const folder = new URL(model.endsWith("/") ? model : `${model}/`, location.href);
  progress.textContent = "Loading the model.";
  const [config, weights] = await Promise.all(["config.json", "model.safetensors"].map((name) => file(folder, name)));
  const worker = new Worker(workerScript(), { name: "bench" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message || "the worker's file could not be loaded"));
      worker.onmessage = ({ data }) => {
        if ("ready" in data) worker.postMessage({ config, weights, workers }, [config, weights]);
        else if ("progress" in data) progress.textContent = `Timing: ${data.progress}.`;
        else if ("failure" in data) reject(new Error(data.failure));
        else resolve({ model, isolated: crossOriginIsolated, ...JSON.parse(data.figures) });
      };
    });
  } finally {
    worker.terminate();
  }
}

try {
  const done = await figures();
  document.getElementById("figures").textContent = JSON.stringify(done, null, 2);
  progress.textContent = "Done.";
  window.__done = JSON.stringify(done);
} catch (error) {
  progress.textContent = String(error);
  window.__done = `ERR ${error}`;
}
