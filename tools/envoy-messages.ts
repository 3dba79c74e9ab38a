// The Envoy messages and fields this product uses; tools/generate-envoy.ts cuts everything else away. What is missing here
// cannot be said by the translator, so the list is also a guard: `allow_missing`, `allow_missing_or_failed` and inline
// requirements of jwt_authn, `FilterConfig` and `failure_mode_allow` are left out on purpose, since Envoy accepts each of them
// and opens a filter by it (src/envoy/translate/closed.ts). "!" makes a field required (on a member of a oneof: one of them
// is), where Envoy would take its absence for "open", or refuse it.

const core = "envoy.config.core.v3.";
const cluster = "envoy.config.cluster.v3.";
const endpoint = "envoy.config.endpoint.v3.";
const listener = "envoy.config.listener.v3.";
const route = "envoy.config.route.v3.";
const rbac = "envoy.config.rbac.v3.";
const cel = "google.api.expr.v1alpha1.";
const bootstrap = "envoy.config.bootstrap.v3.";
const matcher = "envoy.type.matcher.v3.";
const unified = "xds.type.matcher.v3.";
const http = "envoy.extensions.filters.http.";
const hcm = "envoy.extensions.filters.network.http_connection_manager.v3.";
const accesslog = "envoy.config.accesslog.v3.";
const tls = "envoy.extensions.transport_sockets.tls.v3.";
const upstreams = "envoy.extensions.upstreams.http.v3.";
const metrics = "envoy.config.metrics.v3.";
const trace = "envoy.config.trace.v3.";
const sink = "envoy.extensions.stat_sinks.open_telemetry.v3.";
const secretText = "envoy.extensions.formatter.generic_secret.v3.";
const detectors = "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.";

/** Message → its fields, separated by spaces. */
export const MESSAGES: Readonly<Record<string, string>> = {
  [`${core}Node`]: "id! cluster!",
  [`${core}Address`]: "socket_address! pipe!",
  [`${core}SocketAddress`]: "address! port_value!",
  [`${core}Pipe`]: "path! mode",
  [`${core}ConfigSource`]: "ads resource_api_version initial_fetch_timeout",
  [`${core}AggregatedConfigSource`]: "",
  [`${core}ExtensionConfigSource`]: "config_source! type_urls!",
  [`${core}ApiConfigSource`]: "api_type transport_api_version grpc_services set_node_on_first_message_only",
  [`${core}GrpcService`]: "envoy_grpc",
  [`${core}GrpcService.EnvoyGrpc`]: "cluster_name retry_policy",
  [`${core}RetryPolicy`]: "retry_back_off",
  [`${core}BackoffStrategy`]: "base_interval max_interval",
  [`${core}TypedExtensionConfig`]: "name! typed_config!",
  [`${core}DataSource`]: "inline_string!",
  [`${core}TransportSocket`]: "name typed_config",
  [`${core}HeaderValue`]: "key value",
  [`${core}HeaderValueOption`]: "header append_action",
  [`${core}RuntimeUInt32`]: "default_value runtime_key",
  [`${core}HttpUri`]: "uri cluster timeout",
  [`${core}HttpService`]: "http_uri! request_headers_to_add formatters",
  [`${core}HttpProtocolOptions`]: "idle_timeout headers_with_underscores_action max_connection_duration",
  [`${core}Http1ProtocolOptions`]: "enable_trailers allow_absolute_url",
  [`${core}Http2ProtocolOptions`]:
    "allow_connect max_concurrent_streams initial_stream_window_size initial_connection_window_size connection_keepalive use_oghttp2_codec",
  [`${core}KeepaliveSettings`]: "interval timeout",
  [`${core}HealthCheck`]:
    "timeout! interval! unhealthy_interval no_traffic_interval no_traffic_healthy_interval unhealthy_threshold! healthy_threshold! http_health_check!",
  [`${core}HealthCheck.HttpHealthCheck`]: "host! path! codec_client_type!",
  [`${core}Metadata`]: "filter_metadata!",
  [`${core}SubstitutionFormatString`]: "text_format_source content_type",

  [`${cluster}Cluster`]:
    "name! type! eds_cluster_config connect_timeout load_assignment typed_extension_protocol_options circuit_breakers dns_lookup_family transport_socket_matches health_checks outlier_detection common_lb_config alt_stat_name metadata transport_socket wait_for_warm_on_init",
  [`${cluster}Cluster.EdsClusterConfig`]: "eds_config",
  [`${cluster}CircuitBreakers`]: "thresholds",
  [`${cluster}CircuitBreakers.Thresholds`]:
    "priority max_connections max_pending_requests max_requests max_retries",
  [`${cluster}Cluster.TransportSocketMatch`]: "name! match! transport_socket!",
  [`${cluster}Cluster.CommonLbConfig`]: "healthy_panic_threshold!",
  // Empty = 0 %.
  "envoy.type.v3.Percent": "value",
  [`${cluster}OutlierDetection`]:
    "split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure enforcing_consecutive_gateway_failure enforcing_consecutive_5xx enforcing_success_rate enforcing_local_origin_success_rate interval base_ejection_time max_ejection_percent",
  [`${endpoint}ClusterLoadAssignment`]: "cluster_name! endpoints!",
  [`${endpoint}LocalityLbEndpoints`]: "lb_endpoints priority",
  [`${endpoint}LbEndpoint`]: "endpoint metadata",
  [`${endpoint}Endpoint`]: "address",
  [`${upstreams}HttpProtocolOptions`]: "common_http_protocol_options explicit_http_config",
  [`${upstreams}HttpProtocolOptions.ExplicitHttpConfig`]: "http_protocol_options http2_protocol_options",

  [`${listener}Listener`]: "name! address! per_connection_buffer_limit_bytes filter_chains stat_prefix",
  [`${listener}FilterChain`]: "filters transport_socket",
  [`${listener}Filter`]: "name typed_config",
  [`${hcm}HttpConnectionManager`]:
    "stat_prefix codec_type use_remote_address strip_any_host_port normalize_path merge_slashes path_with_escaped_slashes_action common_http_protocol_options http2_protocol_options request_headers_timeout stream_idle_timeout upgrade_configs early_header_mutation_extensions rds http_filters local_reply_config scoped_routes skip_xff_append forward_client_cert_details set_current_client_cert_details internal_address_config http_protocol_options tracing",
  [`${hcm}HttpConnectionManager.Tracing`]:
    "client_sampling! random_sampling! max_path_tag_length! custom_tags provider! spawn_upstream_span operation upstream_operation",
  [`${trace}Tracing.Http`]: "name! typed_config!",
  [`${trace}OpenTelemetryConfig`]: "http_service! service_name! resource_detectors",
  "envoy.type.tracing.v3.CustomTag": "tag! value!",
  [`${detectors}StaticConfigResourceDetectorConfig`]: "attributes!",
  [`${secretText}GenericSecret`]: "secret_configs!",
  [`${hcm}HttpConnectionManager.UpgradeConfig`]: "upgrade_type",
  [`${hcm}Rds`]: "route_config_name! config_source!",
  [`${hcm}ScopedRoutes`]: "name! scope_key_builder! rds_config_source! scoped_rds!",
  [`${hcm}ScopedRoutes.ScopeKeyBuilder`]: "fragments!",
  [`${hcm}ScopedRoutes.ScopeKeyBuilder.FragmentBuilder`]: "header_value_extractor!",
  [`${hcm}ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor`]: "name! index!",
  [`${hcm}ScopedRds`]: "scoped_rds_config_source!",
  [`${hcm}HttpConnectionManager.SetCurrentClientCertDetails`]: "uri!",
  // Empty = no address is internal.
  [`${hcm}HttpConnectionManager.InternalAddressConfig`]: "",
  [`${hcm}HttpFilter`]: "name! typed_config! config_discovery!",
  [`${hcm}LocalReplyConfig`]: "mappers",
  [`${hcm}ResponseMapper`]: "filter status_code body_format_override headers_to_add",
  [`${accesslog}AccessLogFilter`]:
    "status_code_filter and_filter header_filter response_flag_filter metadata_filter",
  [`${accesslog}StatusCodeFilter`]: "comparison",
  [`${accesslog}ComparisonFilter`]: "op value",
  [`${accesslog}AndFilter`]: "filters",
  [`${accesslog}HeaderFilter`]: "header",
  [`${accesslog}MetadataFilter`]: "matcher match_if_key_not_found",
  [`${accesslog}ResponseFlagFilter`]: "flags",
  "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation": "mutations",
  "envoy.config.common.mutation_rules.v3.HeaderMutation": "remove_on_match",
  "envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch": "key_matcher",

  [`${http}jwt_authn.v3.JwtAuthentication`]: "providers! rules! requirement_map! strip_failure_response",
  [`${http}jwt_authn.v3.JwtProvider`]:
    "issuer! audiences! require_expiration! max_lifetime local_jwks! forward from_headers forward_payload_header payload_in_metadata normalize_payload_in_metadata clock_skew_seconds jwt_cache_config claim_to_headers",
  [`${http}jwt_authn.v3.JwtProvider.NormalizePayload`]: "space_delimited_claims",
  [`${http}jwt_authn.v3.JwtHeader`]: "name value_prefix",
  [`${http}jwt_authn.v3.JwtCacheConfig`]: "jwt_cache_size",
  [`${http}jwt_authn.v3.JwtClaimToHeader`]: "header_name claim_name",
  [`${http}jwt_authn.v3.JwtRequirement`]: "provider_name!",
  [`${http}jwt_authn.v3.RequirementRule`]: "match! requirement_name!",
  [`${http}jwt_authn.v3.PerRouteConfig`]: "disabled!",
  [`${http}rbac.v3.RBAC`]: "rules! rules_stat_prefix shadow_rules",
  [`${http}rbac.v3.RBACPerRoute`]: "rbac!",
  [`${rbac}RBAC`]: "action! policies!",
  [`${rbac}Policy`]: "permissions! principals! condition",
  [`${cel}Expr`]: "call_expr! select_expr! ident_expr! const_expr!",
  [`${cel}Expr.Call`]: "function! args!",
  [`${cel}Expr.Select`]: "operand! field!",
  [`${cel}Expr.Ident`]: "name!",
  [`${cel}Constant`]: "string_value!",
  [`${rbac}Permission`]: "any! header!",
  [`${rbac}Principal`]: "any! sourced_metadata! authenticated!",
  [`${rbac}SourcedMetadata`]: "metadata_matcher!",
  [`${rbac}Principal.Authenticated`]: "principal_name!",
  [`${http}ext_authz.v3.ExtAuthz`]: "http_service! status_on_error allowed_headers stat_prefix",
  [`${http}ext_authz.v3.HttpService`]: "server_uri path_override authorization_response",
  [`${http}ext_authz.v3.AuthorizationResponse`]: "allowed_upstream_headers allowed_client_headers",
  "envoy.type.v3.HttpStatus": "code",
  "envoy.extensions.common.matching.v3.ExtensionWithMatcher": "xds_matcher! extension_config!",
  "envoy.extensions.filters.common.matcher.action.v3.SkipFilter": "",
  "envoy.type.matcher.v3.HttpRequestHeaderMatchInput": "header_name!",
  [`${unified}Matcher`]: "matcher_list!",
  [`${unified}Matcher.OnMatch`]: "action!",
  [`${unified}Matcher.MatcherList`]: "matchers!",
  [`${unified}Matcher.MatcherList.FieldMatcher`]: "predicate! on_match!",
  [`${unified}Matcher.MatcherList.Predicate`]: "single_predicate! or_matcher! not_matcher!",
  [`${unified}Matcher.MatcherList.Predicate.PredicateList`]: "predicate!",
  [`${unified}Matcher.MatcherList.Predicate.SinglePredicate`]: "input! value_match!",
  [`${unified}StringMatcher`]: "prefix! safe_regex!",
  [`${unified}RegexMatcher`]: "google_re2! regex!",
  [`${unified}RegexMatcher.GoogleRE2`]: "",
  "xds.core.v3.TypedExtensionConfig": "name! typed_config!",
  [`${http}buffer.v3.Buffer`]: "max_request_bytes",
  [`${http}buffer.v3.BufferPerRoute`]: "disabled! buffer!",
  [`${http}router.v3.Router`]: "suppress_envoy_headers",

  [`${route}RouteConfiguration`]: "name! virtual_hosts! request_headers_to_add typed_per_filter_config",
  [`${route}VirtualHost`]: "name! domains! routes! typed_per_filter_config response_headers_to_remove",
  [`${route}Route`]: "name! match! route! direct_response! typed_per_filter_config",
  [`${route}RouteMatch`]: "prefix! path! path_separated_prefix! headers",
  [`${route}HeaderMatcher`]: "name! string_match! present_match! invert_match treat_missing_header_as_empty",
  [`${route}RouteAction`]:
    "cluster! priority host_rewrite_literal prefix_rewrite regex_rewrite timeout idle_timeout retry_policy upgrade_configs max_stream_duration",
  [`${route}RetryPolicy`]:
    "retry_on num_retries per_try_timeout retry_back_off retry_priority retriable_headers",
  [`${route}RetryPolicy.RetryBackOff`]: "base_interval! max_interval",
  [`${route}RetryPolicy.RetryPriority`]: "name! typed_config!",
  "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig": "update_frequency",
  [`${route}RouteAction.UpgradeConfig`]: "upgrade_type! enabled",
  [`${route}RouteAction.MaxStreamDuration`]: "max_stream_duration!",
  [`${route}ScopedRouteConfiguration`]: "name! route_configuration_name! key!",
  [`${route}ScopedRouteConfiguration.Key`]: "fragments!",
  [`${route}ScopedRouteConfiguration.Key.Fragment`]: "string_key!",
  [`${route}DirectResponseAction`]: "status body",
  [`${matcher}StringMatcher`]: "exact! prefix! contains! ignore_case safe_regex!",
  [`${matcher}ListStringMatcher`]: "patterns",
  [`${matcher}RegexMatcher`]: "regex",
  [`${matcher}RegexMatchAndSubstitute`]: "pattern substitution",
  [`${matcher}MetadataMatcher`]: "filter! path! value!",
  [`${matcher}MetadataMatcher.PathSegment`]: "key!",
  [`${matcher}ValueMatcher`]: "string_match! present_match!",

  [`${tls}DownstreamTlsContext`]:
    "common_tls_context require_client_certificate disable_stateless_session_resumption disable_stateful_session_resumption",
  [`${tls}UpstreamTlsContext`]: "sni! common_tls_context!",
  [`${tls}CommonTlsContext`]:
    "tls_params tls_certificate_sds_secret_configs alpn_protocols validation_context_sds_secret_config combined_validation_context",
  [`${tls}CommonTlsContext.CombinedCertificateValidationContext`]:
    "default_validation_context! validation_context_sds_secret_config!",
  [`${tls}CertificateValidationContext`]: "trusted_ca custom_validator_config match_typed_subject_alt_names",
  [`${tls}SubjectAltNameMatcher`]: "san_type! matcher!",
  [`${tls}SPIFFECertValidatorConfig`]: "trust_domains!",
  [`${tls}SPIFFECertValidatorConfig.TrustDomain`]: "name! trust_bundle!",
  [`${tls}TlsParameters`]: "tls_minimum_protocol_version tls_maximum_protocol_version",
  [`${tls}SdsSecretConfig`]: "name sds_config",
  [`${tls}Secret`]: "name! tls_certificate! validation_context! generic_secret!",
  [`${tls}GenericSecret`]: "secret!",
  [`${tls}TlsCertificate`]: "certificate_chain! private_key!",

  [`${bootstrap}Bootstrap`]:
    "node admin dynamic_resources static_resources overload_manager stats_sinks stats_flush_interval deferred_stat_options",
  [`${bootstrap}Bootstrap.DynamicResources`]: "ads_config lds_config cds_config",
  [`${bootstrap}Bootstrap.StaticResources`]: "clusters secrets",
  [`${metrics}StatsSink`]: "name! typed_config!",
  [`${sink}SinkConfig`]:
    "http_service! resource_detectors prefix max_data_points_per_request custom_metric_conversions!",
  [`${sink}SinkConfig.DropAction`]: "",
  "envoy.extensions.matching.common_inputs.stats.v3.StatFullNameMatchInput": "",
  [`${bootstrap}Bootstrap.DeferredStatOptions`]: "enable_deferred_creation_stats!",
  [`${bootstrap}Admin`]: "address allow_paths",
  "envoy.config.overload.v3.OverloadManager": "resource_monitors",
  "envoy.config.overload.v3.ResourceMonitor": "name typed_config",
  "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig":
    "max_active_downstream_connections",
};

/** What stands on its own: xDS resources and the bootstrap. */
export const ROOTS: readonly string[] = [
  `${cluster}Cluster`,
  `${endpoint}ClusterLoadAssignment`,
  `${listener}Listener`,
  `${route}RouteConfiguration`,
  `${route}ScopedRouteConfiguration`,
  `${core}TypedExtensionConfig`,
  `${tls}Secret`,
  `${bootstrap}Bootstrap`,
];

/** What travels packed in an Any. */
export const PACKED: readonly string[] = [
  `${upstreams}HttpProtocolOptions`,
  `${hcm}HttpConnectionManager`,
  "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
  `${http}jwt_authn.v3.JwtAuthentication`,
  `${http}jwt_authn.v3.PerRouteConfig`,
  `${http}rbac.v3.RBAC`,
  `${http}rbac.v3.RBACPerRoute`,
  `${http}ext_authz.v3.ExtAuthz`,
  "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
  "envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
  "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
  `${http}buffer.v3.Buffer`,
  `${http}buffer.v3.BufferPerRoute`,
  `${http}router.v3.Router`,
  `${tls}DownstreamTlsContext`,
  "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
  `${tls}SPIFFECertValidatorConfig`,
  `${tls}UpstreamTlsContext`,
  `${trace}OpenTelemetryConfig`,
  `${detectors}StaticConfigResourceDetectorConfig`,
  `${secretText}GenericSecret`,
  `${sink}SinkConfig`,
  `${sink}SinkConfig.DropAction`,
  "envoy.extensions.matching.common_inputs.stats.v3.StatFullNameMatchInput",
  "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
];
