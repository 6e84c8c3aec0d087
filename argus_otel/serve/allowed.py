"""
What a query at the embedded endpoint may use, by list. What is in no list is refused, so a newer engine's new powers
are not ours until somebody has looked at them.

Nodes are named as `EXPLAIN AST` names them; functions are allowed by the category that the engine puts them in
(`system.functions`), and in the mixed category `Other` one by one.
"""

from __future__ import annotations

NODES = frozenset(
    """
    SelectWithUnionQuery SelectIntersectExceptQuery SelectQuery ExpressionList Subquery WithElement
    Identifier TableIdentifier Literal Function Asterisk QualifiedAsterisk QueryParameter
    ColumnsRegexpMatcher ColumnsListMatcher QualifiedColumnsRegexpMatcher QualifiedColumnsListMatcher
    ColumnsTransformerList ColumnsExceptTransformer ColumnsReplaceTransformer ColumnsReplaceTransformer::Replacement
    TablesInSelectQuery TablesInSelectQueryElement TableExpression TableJoin ArrayJoin SampleRatio
    OrderByElement InterpolateElement WindowDefinition WindowListElement
    ShowTables ShowFunctions ShowCreateTableQuery ShowCreateViewQuery
    DescribeQuery ExistsTableQuery ExistsViewQuery ExistsDatabaseQuery Explain
    """.split()
)

EXPLAIN_KINDS = frozenset(
    {"EXPLAIN", "EXPLAIN AST", "EXPLAIN SYNTAX", "EXPLAIN QUERY TREE", "EXPLAIN PIPELINE", "EXPLAIN ESTIMATE"}
)

TABLE_FUNCTIONS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "values", "null"}
)

FUNCTION_CATEGORIES = frozenset(
    {
        *("Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional"),
        *("Dates and Times", "Distance", "Encoding", "Financial", "Geo", "Geo Polygon", "Hash", "IP Address"),
        *("JSON", "Logical", "Map", "Mathematical", "Null", "Random Number", "Rounding", "String"),
        *("String Replacement", "String Search", "String Splitting", "Time Window", "Tuple", "Type Conversion"),
        *("URL", "UUID"),
    }
)

OTHER_FUNCTIONS = frozenset(
    """
    bar buildId byteSize connectionId countDigits currentDatabase currentSchemas currentUser defaultValueOfArgumentType
    defaultValueOfTypeName digits displayName dumpColumnStructure errorCodeToName finalizeAggregation formatQuery
    formatQueryOrNull formatQuerySingleLine formatQuerySingleLineOrNull formatReadableDecimalSize
    formatReadableQuantity formatReadableSize formatReadableTimeDelta getSizeOfEnumType getSubcolumn hostName identity
    ignore indexHint initialQueryID initializeAggregation isConstant isDecimalOverflow lowCardinalityIndices
    lowCardinalityKeys materialize neighbor normalizeQuery normalizedQueryHash parseReadableSize parseTimeDelta queryID
    revision rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningDifference serverTimezone throwIf timezone
    toColumnTypeName toTypeName transform uptime variantElement variantType version visibleWidth
    """.split()
)

SYNTAX_FUNCTIONS = frozenset(
    "lambda untuple exists grouping in notin globalin globalnotin cast _cast".split(),
)
"""Functions of the grammar, which `system.functions` may not list."""

SYSTEM_TABLES = frozenset(
    """
    aggregate_function_combinators columns contributors data_type_families databases formats functions keywords numbers
    numbers_mt one settings table_functions tables time_zones zeros
    """.split()
)

CLIENT_SETTINGS = frozenset(
    """
    allow_experimental_analyzer cast_keep_nullable date_time_output_format decimal_check_overflow extremes
    group_by_use_nulls join_use_nulls max_block_size prefer_column_name_to_alias session_timezone
    """.split()
)
"""They shape an answer and loosen no limit; so do those that begin with one of the next. Others are dropped."""

CLIENT_SETTING_PREFIXES = tuple(
    f"output_format_{name}"
    for name in """
    arrow_ binary_ csv_ decimal_ json_ markdown_ msgpack_ native_ parquet_ pretty_ sql_ tsv_ values_ write_statistics xml_
    """.split()
)
"""Not all of output_format_*: `output_format_schema` names a file that the engine writes."""
