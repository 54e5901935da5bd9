// ActivationRW: holds a PE's activations, source and destination, and reads and writes accumulators (EIE Sec. IV).
// Beside eiesim/machine/activation_rw.py. The two banks swap after a layer; ReLU is applied as a bank is read as source,
// so it costs no cycle, and so is an adder unit's rest. A register's clear is part of its enable, here and elsewhere, so
// that a clock gate can hold it.
module activation_rw #(
    parameter int ACTIVATIONS = 64,
    parameter int ROW_BITS = 6,
    parameter int SCAN_BITS = 7,
    parameter int VALUE_BITS = 16,
`ifdef ADDER
    parameter int REST_BITS = 49,
`endif
    parameter bit HOLDS_BIAS = 0
) (
    input  logic                         clock,
    input  logic                         reset,
    input  logic                         start,
    input  logic                         swap,
    input  logic                         relu,
    // A row of input activations is written before the first layer.
    input  logic                         load,
    input  logic [ROW_BITS-1:0]          load_row,
    input  logic signed [VALUE_BITS-1:0] load_activation,
    // The bias's activation, the first of its own activation row.
    input  logic                         has_bias,
    input  logic [SCAN_BITS-1:0]         bias_row,
    input  logic signed [VALUE_BITS-1:0] one,
    // LNZD.
    input  logic                         row_taken,
    // ArithmeticUnit.
    input  logic [ROW_BITS-1:0]          arithmetic_row,
    input  logic                         arithmetic_real,
    input  logic                         arithmetic_reads,
    input  logic                         arithmetic_write,
    input  logic [ROW_BITS-1:0]          arithmetic_write_row,
    input  logic signed [VALUE_BITS-1:0] arithmetic_sum3,
`ifdef ADDER
    // What is taken off the sums as they are read as source; see rest.sv.
    input  logic [REST_BITS-1:0]         sent,
    output logic                         rest_read0,
    output logic                         rest_read1,
    output logic [ROW_BITS-1:0]          rest_address0,
    output logic [ROW_BITS-1:0]          rest_address1,
    input  logic [REST_BITS:0]           rest_word0,
    input  logic [REST_BITS:0]           rest_word1,
`endif
    output logic signed [VALUE_BITS-1:0] activation,
    output logic signed [VALUE_BITS-1:0] accumulator
);
    logic source;       // Which bank is the source; the other holds the accumulators.
    logic source_relu;  // The layer that wrote the source ends in ReLU.
    logic [SCAN_BITS-1:0] row;
    logic [ROW_BITS-1:0] read_row;

    logic [ROW_BITS-1:0] source_row;
    logic signed [VALUE_BITS-1:0] word0, word1, word, value;
    logic shown;

    // propagate. Of a bank one word is read: the row presented if it is the source, else an accumulator.
    assign source_row = row[ROW_BITS-1:0];
`ifdef ADDER
    logic signed [VALUE_BITS-1:0] sum;
    logic [VALUE_BITS:0] rest;
    logic signed [VALUE_BITS+1:0] finished;
    rest #(.ROW_BITS(ROW_BITS), .VALUE_BITS(VALUE_BITS), .REST_BITS(REST_BITS)) of_row (
        .clock, .reset, .start, .swap, .row_taken, .source, .sent,
        .read0(rest_read0), .read1(rest_read1), .address0(rest_address0), .address1(rest_address1),
        .word0(rest_word0), .word1(rest_word1), .rest
    );
    assign sum = source ? word1 : word0;
    assign finished = (VALUE_BITS+2)'(sum) - $signed({1'b0, rest});
    // It saturates at one end.
    assign word = finished[VALUE_BITS+1] && !(&finished[VALUE_BITS:VALUE_BITS-1]) ? {1'b1, {(VALUE_BITS-1){1'b0}}}
                : finished[VALUE_BITS-1:0];
`else
    assign word = source ? word1 : word0;
`endif
    assign shown = row < SCAN_BITS'(ACTIVATIONS) && !(source_relu && word[VALUE_BITS-1]);
    assign activation = has_bias && row == bias_row ? (HOLDS_BIAS ? one : '0) : shown ? word : '0;
    assign accumulator = source ? word0 : word1;

    // update. A row is loaded between layers, so one value serves both banks.
    assign value = load ? load_activation : arithmetic_sum3;

    activation_bank #(.WORDS(ACTIVATIONS), .ROW_BITS(ROW_BITS), .VALUE_BITS(VALUE_BITS)) bank0 (
        .clock, .clear(reset || (swap && !source)), .write(source ? arithmetic_write : load),
        .write_row(source ? arithmetic_write_row : load_row), .value, .read_row(source ? read_row : source_row), .word(word0)
    );

    activation_bank #(.WORDS(ACTIVATIONS), .ROW_BITS(ROW_BITS), .VALUE_BITS(VALUE_BITS)) bank1 (
        .clock, .clear(reset || (swap && source)), .write(source ? load : arithmetic_write),
        .write_row(source ? load_row : arithmetic_write_row), .value, .read_row(source ? source_row : read_row), .word(word1)
    );

    always_ff @(posedge clock)
        if (reset || swap) begin
            source <= !reset && !source;
            source_relu <= !reset && relu;
        end

    // The LNZD takes row 0 as a layer starts.
    always_ff @(posedge clock)
        if (reset || swap || start || row_taken) row <= reset || swap ? '0 : row + 1'b1;

    always_ff @(posedge clock)
        if (arithmetic_real) read_row <= arithmetic_row;

`ifndef SYNTHESIS
    logic [31:0] reads, writes;
    always @(posedge clock)
        if (start) begin
            reads <= 0;
            writes <= 0;
        end else begin
            reads <= reads + 32'(arithmetic_reads);
            writes <= writes + 32'(arithmetic_write);
            assert (!(load && arithmetic_write)) else $fatal(1, "%m: a row is loaded while a layer runs");
            assert (!arithmetic_reads || int'(read_row) < ACTIVATIONS)
                else $fatal(1, "%m: accumulator %0d is out of range", read_row);
            assert (!arithmetic_write || int'(arithmetic_write_row) < ACTIVATIONS)
                else $fatal(1, "%m: accumulator %0d is out of range", arithmetic_write_row);
        end
`else
    // Only a counter looks at it.
    logic unused;
    assign unused = arithmetic_reads;
`endif
endmodule
