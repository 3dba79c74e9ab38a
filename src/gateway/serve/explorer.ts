// The explorer's three parts as text: a query editor with variables and token, the answer, and the schema's fields to click
// through. Plain DOM, no framework: it has to be sent by a process that holds nothing for browsers. Everything that comes from
// the graph is set as text, never as HTML. The token stays in the tab's session storage.

export const EXPLORER_STYLE = `
*{box-sizing:border-box}html,body{height:100%;margin:0}
body{font:14px/1.45 system-ui,sans-serif;color:#1d2430;background:#f5f6f8;display:flex;flex-direction:column}
header{display:flex;gap:8px;align-items:center;padding:8px 12px;background:#1d2430;color:#fff}
header h1{font-size:15px;margin:0 12px 0 0}header a{color:#9fc5ff;margin-left:auto}
header input{flex:0 1 420px;padding:5px 8px;border:0;border-radius:4px;font:13px ui-monospace,monospace}
button{padding:6px 16px;border:0;border-radius:4px;background:#2f7de1;color:#fff;font:inherit;cursor:pointer}
button:focus-visible,textarea:focus-visible,input:focus-visible{outline:2px solid #f0a020}
main{flex:1;min-height:0;display:grid;grid-template-columns:1fr 1fr 300px;gap:1px;background:#d5d9e0}
section{background:#fff;min-width:0;min-height:0;display:flex;flex-direction:column}
section label{padding:4px 10px;font-size:12px;color:#5c6675;background:#f5f6f8}
textarea,pre{flex:1;margin:0;padding:10px;border:0;resize:none;overflow:auto;font:13px/1.5 ui-monospace,monospace}
#variables{flex:0 0 22%}pre{white-space:pre-wrap;overflow-wrap:anywhere}
#docs{overflow:auto;padding:8px 12px}#docs h2{font-size:14px;margin:6px 0}#docs ul{list-style:none;padding:0;margin:0}
#docs li{margin:0 0 7px}#docs code{font:12.5px ui-monospace,monospace}#docs p{margin:2px 0;color:#5c6675;font-size:12px}
#docs button{padding:0;background:none;color:#2f7de1;font:12.5px ui-monospace,monospace}
#state{font-size:12px;color:#c7cfdb}
@media(max-width:900px){main{grid-template-columns:1fr;grid-auto-rows:minmax(240px,1fr)}}
@media(prefers-color-scheme:dark){body,section,textarea,pre{background:#171b22;color:#dfe5ee}main{background:#2b323d}
section label{background:#1d2430;color:#9aa5b4}}
`;

export const EXPLORER_BODY =
  `<header><h1>Catalyst graph</h1><button id="run" title="Ctrl+Enter">Run</button>` +
  `<input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="token or API key" ` +
  `aria-label="Token or API key"><span id="state" role="status"></span>` +
  `<a href="/graphql?ui=graphiql">GraphiQL (from a CDN)</a></header>` +
  `<main><section><label for="query">Query</label><textarea id="query" spellcheck="false" autofocus></textarea>` +
  `<label for="variables">Variables (JSON)</label><textarea id="variables" spellcheck="false"></textarea></section>` +
  `<section><label for="answer">Answer</label><pre id="answer" tabindex="0"></pre></section>` +
  `<section><label>Schema</label><div id="docs"></div></section></main>`;

export const EXPLORER_SCRIPT = `
"use strict";
const at = (id) => document.getElementById(id);
const store = sessionStorage;
const query = at("query"), variables = at("variables"), token = at("token"), answer = at("answer"), state = at("state");
query.value = store.getItem("query") ?? "# Ctrl+Enter runs the query\\n{\\n  __typename\\n}\\n";
variables.value = store.getItem("variables") ?? "";
token.value = store.getItem("token") ?? "";
async function ask(body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (token.value.trim() !== "") headers.authorization = "Bearer " + token.value.trim();
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" });
  const text = await response.text();
  let json;
  try { json = JSON.parse(text); } catch { throw new Error("status " + response.status + ": " + text.slice(0, 500)); }
  return { status: response.status, json };
}
async function run() {
  for (const field of [query, variables, token]) store.setItem(field.id, field.value);
  state.textContent = "running";
  const started = performance.now();
  try {
    const given = variables.value.trim();
    const { status, json } = await ask({ query: query.value, variables: given === "" ? undefined : JSON.parse(given) });
    answer.textContent = JSON.stringify(json, null, 2);
    state.textContent = status + ", " + Math.round(performance.now() - started) + " ms";
    if (status === 200 && types.size === 0) loadSchema();
  } catch (error) {
    answer.textContent = String(error.message ?? error);
    state.textContent = "failed";
  }
}
at("run").addEventListener("click", run);
token.addEventListener("change", loadSchema);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});
query.addEventListener("keydown", (event) => {
  if (event.key !== "Tab" || event.shiftKey) return;
  event.preventDefault();
  query.setRangeText("  ", query.selectionStart, query.selectionEnd, "end");
});
const types = new Map();
const REF = "kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name}}}}";
const SCHEMA = "{__schema{queryType{name} mutationType{name} types{kind name description " +
  "fields(includeDeprecated:true){name description isDeprecated args{name type{" + REF + "}} type{" + REF + "}} " +
  "inputFields{name description type{" + REF + "}} enumValues{name description} possibleTypes{name}}}}";
async function loadSchema() {
  try {
    const { json } = await ask({ query: SCHEMA });
    const schema = json.data?.__schema;
    if (!schema) throw new Error(json.errors?.[0]?.message ?? "no schema");
    types.clear();
    for (const type of schema.types) types.set(type.name, type);
    show(schema.queryType.name, [schema.queryType, schema.mutationType].flatMap((root) => (root ? [root.name] : [])));
  } catch (error) {
    const note = document.createElement("p");
    note.textContent = "The schema could not be read: " + error.message;
    at("docs").replaceChildren(note);
  }
}
const print = (type) => type.kind === "NON_NULL" ? print(type.ofType) + "!" : type.kind === "LIST" ? "[" + print(type.ofType) + "]" : type.name;
const named = (type) => (type.ofType ? named(type.ofType) : type.name);
function element(name, text) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  return node;
}
function link(name, text) {
  const button = element("button", text ?? name);
  button.addEventListener("click", () => show(name));
  return button;
}
function show(name, roots) {
  if (roots) show.roots = roots;
  const type = types.get(name);
  const docs = at("docs");
  const top = element("p");
  for (const root of show.roots) top.append(link(root), " ");
  docs.replaceChildren(top, element("h2", name));
  if (!type) return;
  if (type.description) docs.append(element("p", type.description));
  const list = element("ul");
  for (const field of type.fields ?? type.inputFields ?? []) {
    const item = element("li"), code = element("code");
    const args = (field.args ?? []).map((arg) => arg.name + ": " + print(arg.type)).join(", ");
    code.append(field.name + (args ? "(" + args + ")" : "") + ": ", link(named(field.type), print(field.type)));
    item.append(code);
    if (field.isDeprecated) item.append(element("p", "deprecated"));
    if (field.description) item.append(element("p", field.description));
    list.append(item);
  }
  for (const value of type.enumValues ?? []) list.append(element("li", value.name));
  for (const possible of type.possibleTypes ?? []) {
    const item = element("li");
    item.append(link(possible.name));
    list.append(item);
  }
  docs.append(list);
}
show.roots = [];
loadSchema();
`;
