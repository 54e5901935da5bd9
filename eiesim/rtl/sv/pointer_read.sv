// PointerRead: walks a column's entries, one a cycle (EIE Sec. IV, "Pointer Read Unit").
// Beside eiesim/machine/pointer_read.py. The two pointer banks are addressed at the edge that takes a column: the even
// bank at (j + 1) >> 1, the odd one at j >> 1. Nothing is added to what a bank gives: `behind` is the address of the
// entry sent last, and the next address is worked out from it a cycle later.
module pointer_read #(
    parameter int COLUMN_BITS = 16,
    parameter int BANK_BITS = 15,
    parameter int POINTER_BITS = 16,
    parameter int VALUE_BITS = 16
) (
    input  logic                         clock,
    input  logic                         start,
    // ActivationQueue: the head.
    input  logic                         head_valid,
    input  logic [COLUMN_BITS-1:0]       head_column,
    input  logic signed [VALUE_BITS-1:0] head_activation,
    // The pointer banks.
    output logic                         bank_read,
    output logic [BANK_BITS-1:0]         even_address,
    output logic [BANK_BITS-1:0]         odd_address,
    input  logic [POINTER_BITS-1:0]      even_word,
    input  logic [POINTER_BITS-1:0]      odd_word,
    output logic                         busy,
    output logic                         ready,
    output logic                         valid,
    output logic                         first,
    output logic [POINTER_BITS-1:0]      address,
    output logic signed [VALUE_BITS-1:0] activation
);
    logic holds;  // `valid` of the registers: it holds a column.
    logic odd;    // The column is odd.
    logic [POINTER_BITS-1:0] behind;
    logic [POINTER_BITS-1:0] end_held;
    logic [POINTER_BITS-1:0] next_address, start_pointer, end_pointer, end_wire, differ, last_entry;

    // propagate
    assign busy = holds;
    assign start_pointer = odd ? odd_word : even_word;
    assign end_pointer = odd ? even_word : odd_word;
    assign next_address = behind + 1'b1;
    assign address = first ? start_pointer : next_address;
    assign end_wire = first ? end_pointer : end_held;
    // Pointers never decrease, and a column goes on only where entries are left: so "below" is "not equal".
    assign valid = holds && !(first && start_pointer == end_pointer);
    // address + 1 == end, without a carry: `differ` must be the very bits that adding 1 turns over.
    assign differ = address ^ end_wire;
    assign last_entry = {address[POINTER_BITS-2:0] & differ[POINTER_BITS-2:0], 1'b1};
    assign ready = !valid || differ == last_entry;

    assign bank_read = head_valid && ready;
    assign even_address = BANK_BITS'((head_column + 1'b1) >> 1);
    assign odd_address = BANK_BITS'(head_column >> 1);

    // update
    always_ff @(posedge clock)
        if (start) begin
            holds <= 1'b0;
            first <= 1'b0;
        end else begin
            holds <= head_valid || !ready;
            first <= ready && head_valid;
        end

    always_ff @(posedge clock)
        if (bank_read) begin
            odd <= head_column[0];
            activation <= head_activation;
        end

    always_ff @(posedge clock)
        if (valid) behind <= address;

    always_ff @(posedge clock)
        if (first) end_held <= end_pointer;

`ifndef SYNTHESIS
    logic [31:0] pointer_reads, empty_columns, walking, empty, starved;
    always @(posedge clock)
        if (start) begin
            pointer_reads <= 0;
            empty_columns <= 0;
            walking <= 0;
            empty <= 0;
            starved <= 0;
        end else begin
            pointer_reads <= pointer_reads + 32'(first);
            empty_columns <= empty_columns + 32'(first && !valid);
            walking <= walking + 32'(valid);
            empty <= empty + 32'(holds && !valid);
            starved <= starved + 32'(!holds);
            assert (!holds || start_pointer <= end_pointer || !first) else $fatal(1, "%m: pointers decrease");
            assert (!valid || address < end_wire) else $fatal(1, "%m: address %0d is behind its column", address);
        end
`endif
endmodule
