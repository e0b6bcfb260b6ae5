// Starts the page's program; as a file of its own, because the page's Content-Security-Policy allows no inline script.
const { js, wasm } = document.getElementById("start").dataset;
try {
  const { default: init } = await import(js);
  await init({ module_or_path: wasm });
} catch (error) {
  const message = document.createElement("p");
  message.setAttribute("role", "alert");
  message.textContent =
    `The page's program did not start (${error}): reload the page, or open it in a current browser with WebAssembly.`;
  document.body.append(message);
  throw error;
}

// From the next visit on the page opens without a network. Where the browser allows no service worker it needs one.
if ("serviceWorker" in navigator) {
  try {
    const build = js.replace(/^.*app-|\.js$/g, "");
    await navigator.serviceWorker.register(`service_worker.js?build=${encodeURIComponent(build)}`);
    const { active } = await navigator.serviceWorker.ready;
    const keep = () => active.postMessage({ keep: loaded() });
    keep();
    // Once more when the page's worker has started and the first model is on its way.
    setTimeout(keep, 3000);
  } catch (error) {
    console.info(`The page will not open without a network: ${error}`);
  }
}

// Every file that was loaded so far, with the parts of a worker, which only its own thread sees.
function loaded() {
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const parts = files
    .filter((name) => name.endsWith("_loader.js"))
    .flatMap((name) => [name.replace("_loader.js", ".js"), name.replace("_loader.js", "_bg.wasm")]);
  const page = new URL(".", document.baseURI).href;
  const here = location.href.split("#")[0];
  return [...new Set([page, here, new URL(js, page).href, new URL(wasm, page).href, ...files, ...parts])];
}
