// Starts the page from this one document, which a double click opens: its files are in it, and no server is asked.
//
// A browser gives a page that it opened from a disk no way to read the files beside it, and its workers not even the
// addresses that the page makes. So the files go to each worker as they are, in its first message, and there as here what
// asks the network for one of them gets it from memory. What is not here is "not found"; nothing else can be reached, by
// the document's Content-Security-Policy.
(async () => {
  const failed = (error) => {
    const message = document.createElement("p");
    message.setAttribute("role", "alert");
    message.textContent =
      `This browser does not run the page from a file (${error}). START.txt beside it says how to open it from a server.`;
    document.querySelector("#starting p").replaceWith(message);
    document.getElementById("not-running")?.remove();
  };
  try {
    const files = {};
    for (const element of document.querySelectorAll("script[data-file]")) {
      const { file, type, packed } = element.dataset;
      const { body } = await fetch(`data:application/octet-stream;base64,${element.textContent.trim()}`);
      const stream = packed === undefined ? body : body.pipeThrough(new DecompressionStream(packed));
      files[file] = await new Response(stream, { headers: { "content-type": type } }).blob();
      element.remove();
    }
    const start = document.getElementById("start");
    const nameOf = (address) => address.replace(/^\.\//, "");
    // A worker's program: this function, the program that Trunk built, and what its loader does.
    const programs = {};
    for (const loader of [start.dataset.worker, start.dataset.workerRelaxed]) {
      const stem = nameOf(loader).replace("_loader.js", "");
      const wait = `(${whenFilesCome})(${serve}, () => wasm_bindgen({ module_or_path: "${stem}_bg.wasm" }));\n`;
      programs[nameOf(loader)] = new Blob([wait, files[`${stem}.js`]], { type: "text/javascript" });
    }
    serve(files, (address) => programs[nameOf(address)]);
    start.dataset.js = URL.createObjectURL(files[nameOf(start.dataset.js)]);
    await import(URL.createObjectURL(files[nameOf(start.dataset.start)]));
  } catch (error) {
    failed(error);
    throw error;
  }

  // In a worker: takes the files out of the first message, then begins.
  function whenFilesCome(serve, begin) {
    addEventListener("message", function first(event) {
      event.stopImmediatePropagation();
      removeEventListener("message", first);
      const { files, program } = event.data;
      serve(files, () => program);
      begin();
    });
  }

  // From here on `fetch` finds `files`, and a worker is the program that `programOf` its address.
  function serve(files, programOf) {
    // Without a server an address such as “bundles/index.json” stands for nothing that a request could be made of; this one
    // is whole, and keeps the name.
    const whole = (address) =>
      /^(blob|data):/.test(address) ? address : `data:text/x-name,${address.replace(/^\.\//, "").split(/[?#]/)[0]}`;
    const RequestOfBrowser = Request;
    globalThis.Request = class extends RequestOfBrowser {
      constructor(input, init) {
        super(typeof input === "string" ? whole(input) : input, init);
      }
    };
    const fetchOfBrowser = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const [, name] = whole(typeof input === "string" ? input : input.url).split("data:text/x-name,");
      if (name === undefined) return fetchOfBrowser(input, init);
      const file = files[name];
      const headers = file && { "content-type": file.type, "content-length": String(file.size) };
      return file ? new Response(file, { headers }) : new Response(null, { status: 404 });
    };
    const WorkerOfBrowser = globalThis.Worker;
    globalThis.Worker = class extends WorkerOfBrowser {
      constructor(address, options) {
        const program = programOf(String(address));
        super(URL.createObjectURL(program), options);
        this.postMessage({ files, program });
      }
    };
  }
})();
