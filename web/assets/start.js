// Starts the page's program; as a file of its own, because the page's Content-Security-Policy allows no inline script.
const { js, wasm, build } = document.getElementById("start").dataset;
const starting = document.getElementById("starting");
// Scripts run here, so the document's reasons why they might not do not hold.
document.getElementById("not-running").remove();
try {
  if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly, or it is switched off");
  const { default: init } = await import(js);
  await init({ module_or_path: wasm });
  starting.remove();
} catch (error) {
  const message = document.createElement("p");
  message.setAttribute("role", "alert");
  message.textContent =
    `The page's program did not start (${error}). Reload the page; if that does not help, open it in a current Chrome, ` +
    "Edge, Firefox or Safari that allows JavaScript and WebAssembly.";
  starting.classList.add("failed");
  starting.querySelector("p").replaceWith(message);
  throw error;
}

// From the next visit on the page opens without a network. Where the browser allows no service worker it needs one.
// Without a build's name, which only a finished page has, nothing could be told apart.
if ("serviceWorker" in navigator && build !== "unnamed") {
  try {
    // Always the same address: a new build brings a new program there only if that program has changed.
    await navigator.serviceWorker.register("service_worker.js", { updateViaCache: "none" });
    const { active } = await navigator.serviceWorker.ready;
    const keep = () => active.postMessage({ build, documents: documents(), files: files() });
    await workerHasLoaded();
    // Once the first model's manifest is there, and once more for a visitor who has looked around.
    for (const seconds of [2, 30]) setTimeout(keep, 1000 * seconds);
  } catch (error) {
    console.info(`The page will not open without a network: ${error}`);
  }
}

// Where this page opens: its folder, and the address that the visitor came by.
function documents() {
  return [...new Set([new URL(".", document.baseURI).href, location.href.split(/[?#]/)[0]])];
}

// Every file that was loaded so far, with the parts of a worker, which only its own thread sees.
function files() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const parts = loaded
    .filter((name) => name.endsWith("_loader.js"))
    .flatMap((name) => [name.replace("_loader.js", ".js"), name.replace("_loader.js", "_bg.wasm")]);
  return [...new Set([js, wasm].map((name) => new URL(name, document.baseURI).href).concat(loaded, parts))];
}

async function workerHasLoaded() {
  while (!files().some((name) => name.endsWith("_loader.js"))) await new Promise((done) => setTimeout(done, 500));
}
