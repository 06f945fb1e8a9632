/** The style of the page; light or dark as the reader's system is. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1a1a1a; --dim: #5c5c5c; --paper: #fff; --rule: #ddd;
  --best: #cdeede; --good: #e9f6ef; --bad: #fbdcd4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --dim: #a5a5a5; --paper: #16181b;
  --rule: #3a3d42; --best: #174c36; --good: #17332a; --bad: #5a2a1e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p { max-width: 70ch; } a { color: inherit; }
dl { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; }
dt { font-size: .8rem; color: var(--dim); } dd { margin: 0; }
table { border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th { font-weight: 600; } th[scope=row] { text-align: left; }
thead th { color: var(--dim); font-weight: 500; vertical-align: bottom; }
td.best { background: var(--best); } td.good { background: var(--good); }
td.bad { background: var(--bad); } .faults { border-left: 4px solid #d55e00; padding-left: 1rem; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; margin: .8rem 0; }
svg { max-width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg text.title { fill: var(--dim); } .grid { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 1.8; } .whisker { stroke: var(--ink); fill: none; opacity: .7; }
`;
