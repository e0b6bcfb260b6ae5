#!/usr/bin/env python3
"""Finds circles among the modules of a crate: `module_cycles.py shared/src [trainer/src …]`.

A module depends on the module that defines what it names, wherever the name is re-exported from, in signatures and in
bodies. `pub use` of a child is such a dependency too, so a parent whose children use what is defined in it is a circle.
Test code is not read. Exit code 1 and the circles when there are any, with one line of evidence an edge;
`--order` prints the modules of the top level in an order in which they can be read.
"""
import argparse
import re
import sys
from pathlib import Path

NAME = r"[A-Za-z_][A-Za-z0-9_]*"


def code_of(text):
    """The text without comments, strings and `#[cfg(test)]` items."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\\\'])\'', re.S)
    text = pattern.sub(lambda m: '""' if '"' in m[0] else " ", text)
    while match := re.search(r"#\[cfg\(test\)\]", text):
        end, depth = match.end(), 0
        while True:
            char = text[end]
            depth += (char in "{(") - (char in "})")
            end += 1
            if depth == 0 and char in ";}":
                break
        text = text[:match.start()] + text[end:]
    return re.sub(r"#!?\[[^\]]*\]", " ", text)


def leaves(tree, prefix=()):
    """The (path, name bound) pairs of a `use` tree."""
    tree = tree.strip()
    if match := re.fullmatch(r"(?:(.*?)::)?\s*\{(.*)\}", tree, re.S):
        path = prefix + tuple(part.strip() for part in (match[1] or "").split("::") if part.strip())
        depth, start, body = 0, 0, match[2] + ","
        for i, char in enumerate(body):
            depth += (char == "{") - (char == "}")
            if char == "," and depth == 0:
                if body[start:i].strip():
                    yield from leaves(body[start:i], path)
                start = i + 1
        return
    path, _, alias = (part.strip() for part in tree.partition(" as "))
    parts = prefix + tuple(part.strip() for part in path.split("::"))
    if parts[-1] == "self":
        parts = parts[:-1]
    yield parts, alias or parts[-1]


class Crate:
    def __init__(self, root):
        self.children, self.defined, self.used, self.code = {}, {}, {}, {}
        self.read((), next(p for p in (root / "lib.rs", root / "main.rs") if p.exists()), root)

    def read(self, module, file, folder):
        self.add(module, code_of(file.read_text()), folder)

    def add(self, module, code, folder):
        self.children[module], self.used[module] = set(), {}
        while match := re.search(rf"\bmod\s+({NAME})\s*\{{", code):
            depth, end = 1, match.end()
            while depth:
                depth += (code[end] == "{") - (code[end] == "}")
                end += 1
            self.children[module].add(match[1])
            self.add(module + (match[1],), code[match.end():end - 1], folder / match[1])
            code = code[:match.start()] + code[end:]
        for match in re.finditer(rf"\bmod\s+({NAME})\s*;", code):
            name = match[1]
            file = next((p for p in (folder / f"{name}.rs", folder / name / "mod.rs") if p.exists()), None)
            if file:
                self.children[module].add(name)
                self.read(module + (name,), file, folder / name)
        code = re.sub(rf"\bmod\s+{NAME}\s*;|\bpub\s*\([^)]*\)", " ", code)
        for match in re.finditer(r"\buse\s+([^;]+);", code):
            for path, name in leaves(match[1]):
                self.used[module][name] = path
        self.defined[module] = set(re.findall(
            rf"\b(?:fn|struct|enum|union|trait|const|static|type|macro_rules!)\s+(?:mut\s+)?({NAME})", code))
        self.code[module] = re.sub(r"\buse\s+[^;]+;", "", code)

    def resolve(self, module, path, seen=()):
        """The module that defines what `path`, written in `module`, names; None outside of the crate."""
        if (module, path) in seen:
            return None
        seen += ((module, path),)
        at, parts = module, list(path)
        if parts[0] in ("crate", "self", "super"):
            at = () if parts[0] == "crate" else module
            while parts and parts[0] in ("crate", "self", "super"):
                at = at[:-1] if parts[0] == "super" else at
                parts = parts[1:]
        while parts:
            name = parts[0]
            if name in self.children[at]:
                at, parts = at + (name,), parts[1:]
            elif name in self.defined[at]:
                return at
            elif name in self.used[at]:
                target = self.used[at][name]
                # `use wilson::wilson` of a child is found above; else the name is another crate's.
                return self.resolve(at, tuple(target) + tuple(parts[1:]), seen) if target[0] != name else None
            else:
                globs = [path for name, path in self.used[at].items() if name == "*" and path[0] in ("crate", "self", "super")]
                for glob in globs:
                    if found := self.resolve(at, tuple(glob[:-1]) + tuple(parts), seen):
                        return found
                return None
        return at

    def edges(self):
        found = {}
        for module, code in self.code.items():
            paths = [path for path in self.used[module].values()]
            paths += [tuple(re.split(r"\s*::\s*", text)) for text in re.findall(rf"{NAME}(?:\s*::\s*{NAME})+", code)]
            for path in paths:
                target = self.resolve(module, tuple(path))
                if target is not None and target != module:
                    found.setdefault((module, target), set()).add("::".join(path))
        return found


def circles(nodes, edges):
    """Strongly connected sets of more than one node (Tarjan)."""
    after = {node: sorted({b for a, b in edges if a == node}) for node in nodes}
    index, low, stack, result = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in after[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            result.append(group)

    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return result


def show(module):
    return "::".join(("crate",) + module)


def tell_circles(root, what, nodes, edges, name):
    """Prints every circle with the edges that close it; whether there is one."""
    found = [group for group in circles(nodes, edges) if len(group) > 1]
    for group in found:
        print(f"{root}: a circle of {len(group)} {what}")
        for (a, b), why in sorted(edges.items()):
            if a in group and b in group:
                print(f"    {name(a)} -> {name(b)}: {', '.join(sorted(why))}")
    return bool(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+", metavar="CRATE/src")
    parser.add_argument("--order", action="store_true", help="print the top level in an order of reading")
    args = parser.parse_args()
    failed = False
    for root in args.sources:
        crate = Crate(root)
        edges = crate.edges()
        tops = {}
        for (a, b), why in edges.items():
            if a and b and a[0] != b[0]:
                tops.setdefault((a[0], b[0]), set()).update(f"{show(a)}: {w}" for w in why)
        names = {module[0] for module in crate.code if module}
        failed |= tell_circles(root, "modules", crate.code, edges, show)
        failed |= tell_circles(root, "folders", names, tops, str)
        if args.order:
            print(" ".join(name for group in circles(names, tops) for name in sorted(group)))
        print(f"{root}: {len(crate.code)} modules, {len(edges)} edges")
    sys.exit(failed)


main()
