// ActivationRW: holds a PE's activations, source and destination, and reads and writes accumulators (EIE Sec. IV).
// Beside eiesim/machine/activation_rw.py. The two banks swap after a layer; ReLU is applied as a bank is read as source,
// so it costs no cycle. A bank is emptied in one cycle through its `written` bits: an unwritten word reads as 0.
module activation_rw #(
    parameter int ACTIVATIONS = 64,
    parameter int ROW_BITS = 6,
    parameter int SCAN_BITS = 7,
    parameter int VALUE_BITS = 16,
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
    output logic signed [VALUE_BITS-1:0] activation,
    output logic signed [VALUE_BITS-1:0] accumulator
);
    logic signed [VALUE_BITS-1:0] bank0 [0:ACTIVATIONS-1];
    logic signed [VALUE_BITS-1:0] bank1 [0:ACTIVATIONS-1];
    logic [ACTIVATIONS-1:0] written0, written1;
    logic source;       // Which bank is the source; the other holds the accumulators.
    logic source_relu;  // The layer that wrote the source ends in ReLU.
    logic [SCAN_BITS-1:0] row;
    logic [ROW_BITS-1:0] read_row;

    logic [ROW_BITS-1:0] source_row;
    logic signed [VALUE_BITS-1:0] word;
    logic held;
    logic write0, write1;
    logic [ROW_BITS-1:0] row0, row1;
    logic signed [VALUE_BITS-1:0] value0, value1;

    // propagate
    assign source_row = row[ROW_BITS-1:0];
    assign word = source ? bank1[source_row] : bank0[source_row];
    assign held = row < SCAN_BITS'(ACTIVATIONS) && (source ? written1[source_row] : written0[source_row]);
    assign activation = has_bias && row == bias_row ? (HOLDS_BIAS ? one : '0)
                      : held && !(source_relu && word[VALUE_BITS-1]) ? word : '0;

    assign accumulator = source ? (written0[read_row] ? bank0[read_row] : '0) : (written1[read_row] ? bank1[read_row] : '0);

    // update
    assign write0 = source ? arithmetic_write : load;
    assign write1 = source ? load : arithmetic_write;
    assign row0 = source ? arithmetic_write_row : load_row;
    assign row1 = source ? load_row : arithmetic_write_row;
    assign value0 = source ? arithmetic_sum3 : load_activation;
    assign value1 = source ? load_activation : arithmetic_sum3;

    always_ff @(posedge clock)
        if (write0) bank0[row0] <= value0;

    always_ff @(posedge clock)
        if (write1) bank1[row1] <= value1;

    always_ff @(posedge clock)
        if (reset || (swap && !source)) written0 <= '0;
        else if (write0) written0[row0] <= 1'b1;

    always_ff @(posedge clock)
        if (reset || (swap && source)) written1 <= '0;
        else if (write1) written1[row1] <= 1'b1;

    always_ff @(posedge clock)
        if (reset) begin
            source <= 1'b0;
            source_relu <= 1'b0;
        end else if (swap) begin
            source <= !source;
            source_relu <= relu;
        end

    // The LNZD takes row 0 as a layer starts.
    always_ff @(posedge clock)
        if (reset || swap) row <= '0;
        else if (start || row_taken) row <= row + 1'b1;

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
