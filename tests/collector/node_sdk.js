// As python_sdk.py, by the exporters for Node: node node_sdk.js grpc|http

const { NodeTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const { OTLPTraceExporter } = require(
  `@opentelemetry/exporter-trace-otlp-${process.argv[2] === "grpc" ? "grpc" : "proto"}`,
);

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const tracer = provider.getTracer("tests");
const session = process.env.SESSION;
const call = { request_id: `${session}-r1`, model: "claude-sonnet-4-5", input_tokens: 11, output_tokens: 2 };
const tool = { tool_name: "Read", tool_use_id: `${session}-t1`, duration_ms: 5 };
tracer
  .startSpan("claude_code.llm_request", { attributes: { "session.id": session, ...call, success: true } })
  .end();
tracer.startSpan("claude_code.tool", { attributes: { "session.id": session, ...tool } }).end();
provider.shutdown().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
