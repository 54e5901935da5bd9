// The array: PES processing elements and the LNZD quadtree with its root, the CCU (EIE Fig. 4).
//
// A run: `reset`; a row of input activations a cycle with `load`; the codebook with `codebook_write`; the SRAMs' contents;
// `start` for one cycle, whose next cycle is cycle 1; wait for `drained`. Then `swap` makes the results the next layer's
// input, or, with `step`, they are read from `presented`, an activation row (one value a PE, after ReLU) a cycle.
// rows, has_bias, bias_row, one, shift_plus_16 and relu are constant during a layer and its `swap`.
// With ADDER defined, every source is read so, the PEs are adder units (OPERATION=1): the same run, and R_i with the SRAMs.
module eie #(
    parameter int PES = 4,
    parameter int QUEUE_DEPTH = 8,
    parameter int INDEX_BITS = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int ROW_ENTRIES = 8,      // Entries in an SRAM row: a power of two.
    parameter int VALUE_BITS = 16,      // Of an activation, a codebook value and an accumulator.
    parameter int ACTIVATIONS = 64,     // Words in each of a PE's two banks.
    parameter int SPMAT_ROWS = 16384,
    parameter int POINTER_WORDS = 8192, // In each of the two pointer banks.
    parameter int POINTER_BITS = 16,
    parameter int COLUMN_BITS = 14,
    // Not to be set from outside: the bits of a word's address in a bank, and of an activation row's number, and
    // of R_i scaled: VALUE_BITS + 1 before its point, and a fraction in which nothing is lost that could matter.
    parameter int ROW_BITS = ACTIVATIONS > 1 ? $clog2(ACTIVATIONS) : 1,
`ifdef ADDER
    parameter int REST_BITS = COLUMN_BITS + 2 * VALUE_BITS + 1,
`endif
    parameter int SCAN_BITS = $clog2(ACTIVATIONS + 4)
) (
    input  logic                         clock,
    input  logic                         reset,
    input  logic                         start,
    input  logic                         swap,
    input  logic                         step,
    input  logic [SCAN_BITS-1:0]         rows,
    input  logic                         has_bias,
    input  logic [SCAN_BITS-1:0]         bias_row,
    input  logic signed [VALUE_BITS-1:0] one,
    input  logic [6:0]                   shift_plus_16,
    input  logic                         relu,
    input  logic                         load,
    input  logic [ROW_BITS-1:0]          load_row,
    input  logic [PES*VALUE_BITS-1:0]    load_activations,
    input  logic                         codebook_write,
    input  logic [WEIGHT_BITS-1:0]       codebook_code,
    input  logic signed [VALUE_BITS-1:0] codebook_value,
    output logic [PES*VALUE_BITS-1:0]    presented,
    output logic                         scan_done,
    output logic [PES-1:0]               write_done,
    output logic                         drained
);
    logic fires, row_taken;
    logic [PES-1:0] full, busy;
    logic [COLUMN_BITS-1:0] candidate_column;
    logic signed [VALUE_BITS-1:0] candidate_activation;
`ifdef ADDER
    logic signed [VALUE_BITS-1:0] found;
    logic [REST_BITS-1:0] sent;
`endif

    assign drained = scan_done && busy == 0;

    lnzd #(.PES(PES), .SCAN_BITS(SCAN_BITS), .COLUMN_BITS(COLUMN_BITS), .VALUE_BITS(VALUE_BITS)) lnzd (
        .clock, .reset, .start, .rows, .presented, .full, .fires, .row_taken, .done(scan_done),
`ifdef ADDER
        .column(candidate_column), .activation(found)
    );

    sent #(.SCAN_BITS(SCAN_BITS), .VALUE_BITS(VALUE_BITS), .REST_BITS(REST_BITS)) of_layer (
        .clock, .start(reset || start), .swap, .has_bias, .bias_row, .shift_plus_16, .fires, .row_taken, .found,
        .activation(candidate_activation), .sent
    );
`else
        .column(candidate_column), .activation(candidate_activation)
    );
`endif

    genvar p;
    generate
        for (p = 0; p < PES; p = p + 1) begin : pes
            pe #(
                .QUEUE_DEPTH(QUEUE_DEPTH), .INDEX_BITS(INDEX_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ROW_ENTRIES(ROW_ENTRIES),
                .VALUE_BITS(VALUE_BITS), .ACTIVATIONS(ACTIVATIONS), .SPMAT_ROWS(SPMAT_ROWS),
                .POINTER_WORDS(POINTER_WORDS), .POINTER_BITS(POINTER_BITS), .COLUMN_BITS(COLUMN_BITS),
                .ROW_BITS(ROW_BITS), .SCAN_BITS(SCAN_BITS), .HOLDS_BIAS(p == 0)
            ) pe (
`ifdef ADDER
                .sent,
`endif
                .clock, .reset, .start(reset || start), .swap, .relu, .shift_plus_16, .has_bias, .bias_row, .one,
                .load, .load_row, .load_activation(load_activations[p*VALUE_BITS +: VALUE_BITS]),
                .codebook_write, .codebook_code, .codebook_value, .candidate_column, .candidate_activation, .fires,
                .row_taken(row_taken || step), .full(full[p]), .presented(presented[p*VALUE_BITS +: VALUE_BITS]),
                .done(write_done[p]), .busy(busy[p])
            );
        end
    endgenerate

`ifndef SYNTHESIS
    always @(posedge clock)
        if (!reset && !start) assert (!(fires && full != 0)) else $fatal(1, "%m: a broadcast meets a full queue");
`endif
endmodule
