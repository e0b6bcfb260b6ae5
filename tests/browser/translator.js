// Puts a `<font>` in the place of each text below `root`, as browsers' translations do, now and whenever there are new
// ones; gives the observer.
(root => {
    const translate = node => {
        if (node.nodeType === Node.TEXT_NODE) {
            const place = node.parentElement;
            if (!node.data.trim() || !place || place.closest("font, [translate=no]")) return;
            const font = document.createElement("font");
            font.textContent = `«${node.data}»`;
            node.replaceWith(font);
        } else {
            [...node.childNodes].forEach(translate);
        }
    };
    const observer = new MutationObserver(records => records.forEach(({ target, type, addedNodes }) =>
        type === "characterData" ? translate(target) : addedNodes.forEach(translate)));
    observer.observe(root, { childList: true, characterData: true, subtree: true });
    translate(root);
    return observer;
})
