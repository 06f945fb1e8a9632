/** The style of the page; light or dark as the reader's system is. Colours after Okabe and Ito. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #fff; --card: #f6f8fa;
  --rule: #d9dee3; --best: #b9e8cf; --good: #e3f5ea; --bad: #fbd9cc; --band: #f0b90033;
  --ref: #6e7781; --a: #0072b2; --b: #d55e00; --c: #009e73; --d: #b5519b; --e: #c98a00;
  --f: #3aa0d8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --dim: #9da7b1; --paper: #0f1216;
  --card: #171b21; --rule: #343b44; --best: #14583c; --good: #143526; --bad: #63291b;
  --band: #f0b90030; --ref: #a3adb8; --a: #4fa8e8; --b: #ff8c42; --c: #2ecc9b; --d: #e58fcb;
  --e: #f0bd4a; --f: #93d5fa; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--paper); max-width: 1160px; margin: 0 auto;
  padding: 1.6rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.4rem; margin: 3rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .6rem; } section h3 { margin: 0 0 .8rem; }
p { max-width: 75ch; margin: .6rem 0; } p.dim, .dim { color: var(--dim); }
a { color: inherit; text-decoration-color: var(--dim); text-underline-offset: .2em; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: 1.2rem 0; }
nav a { border: 1px solid var(--rule); border-radius: 2rem; padding: .15rem .8rem;
  text-decoration: none; font-size: .9rem; }
nav a:hover { background: var(--card); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr));
  gap: .6rem 1.2rem; margin: .8rem 0; }
dt { font-size: .78rem; color: var(--dim); } dd { margin: 0; font-size: .95rem; }
dl div.wide { grid-column: span 2; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 6px;
  padding: .6rem .8rem; overflow-x: auto; font-size: .82rem; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .4rem 0; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: 8px; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .87rem; width: 100%; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--rule); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
th { font-weight: 600; }
th[scope=row] { text-align: left; position: sticky; left: 0; background: var(--paper);
  min-width: 10rem; max-width: 24rem; white-space: normal; font-weight: 500; }
thead th { color: var(--dim); font-weight: 500; vertical-align: bottom; background: var(--card); }
thead th:first-child { text-align: left; position: sticky; left: 0; }
tr.family th { background: var(--card); color: var(--dim); font-size: .8rem; }
td small { display: block; color: var(--dim); font-size: .78rem; }
td.best { background: var(--best); } td.good { background: var(--good); }
td.bad { background: var(--bad); } td.best small, td.good small, td.bad small { color: inherit; }
.status { border-left: 5px solid; padding: .5rem .9rem; background: var(--card);
  border-radius: 0 6px 6px 0; margin: 1rem 0; }
.clean { border-color: var(--c); } .faults { border-color: var(--b); }
.faults ul { margin: .3rem 0; padding-left: 1.2rem; }
section { border: 1px solid var(--rule); border-radius: 8px; padding: 1rem; margin: 1rem 0; }
.bars { display: grid; gap: .35rem; }
.bar { display: grid; grid-template-columns: 9.5rem 1fr 15rem; gap: .7rem; align-items: center;
  font-size: .9rem; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.05rem; background: var(--card); border-radius: 3px; }
.track b { display: block; height: 100%; background: var(--s); border-radius: 3px; }
.track u { position: absolute; top: 50%; height: 0; border-top: 1.5px solid var(--ink); }
.track u::before, .track u::after { content: ""; position: absolute; top: -.32rem; height: .55rem;
  border-left: 1.5px solid var(--ink); }
.track u::before { left: 0; } .track u::after { right: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr));
  gap: 1rem; margin: 1rem 0 .4rem; }
.pairs { grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); }
figure { margin: 0; } figcaption { font-size: .88rem; font-weight: 600; margin-bottom: .2rem; }
svg { display: block; width: 100%; height: auto; max-width: 520px; }
svg text { font-size: 12px; fill: var(--ink); } svg text.title { fill: var(--dim); }
.grid { stroke: var(--rule); fill: none; } .line { fill: none; stroke: var(--s); stroke-width: 2; }
circle { fill: var(--s); } .band { fill: var(--band); }
.mark { stroke: var(--ink); stroke-dasharray: 3 3; fill: none; opacity: .7; }
.reference { --s: var(--ref); } .reference .line { stroke-dasharray: 6 3; }
.s0 { --s: var(--a); } .s1 { --s: var(--b); } .s2 { --s: var(--c); } .s3 { --s: var(--d); }
.s4 { --s: var(--e); } .s5 { --s: var(--f); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; padding: 0;
  margin: .6rem 0 0; font-size: .85rem; }
.legend i { display: inline-block; width: 1.4rem; border-top: 3px solid var(--s);
  vertical-align: middle; margin-right: .4rem; }
.legend .reference i { border-top-style: dashed; }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--dim); font-size: .9rem; }
@media (max-width: 640px) { body { padding: 1rem .7rem 3rem; } h1 { font-size: 1.5rem; }
  section { padding: .8rem .7rem; } th, td { padding: .3rem .5rem; }
  th[scope=row] { min-width: 7.5rem; max-width: 9.5rem; font-size: .8rem; }
  .bar { grid-template-columns: 1fr auto; gap: .1rem .6rem; } .track { grid-row: 2;
  grid-column: 1 / 3; } .bars { gap: .7rem; } dl div.wide { grid-column: auto; } }
@media print { section, figure { break-inside: avoid; } nav { display: none; } }
`;
