// A processing element (EIE Fig. 4 b): its units and its three SRAMs, joined by their wires.
module pe #(
    parameter int QUEUE_DEPTH = 8,
    parameter int INDEX_BITS = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int ROW_ENTRIES = 8,
    parameter int VALUE_BITS = 16,
    parameter int ACTIVATIONS = 64,
    parameter int SPMAT_ROWS = 16384,
    parameter int POINTER_WORDS = 8192,
    parameter int POINTER_BITS = 16,
    parameter int COLUMN_BITS = 14,
    parameter int ROW_BITS = 6,
    parameter int SCAN_BITS = 7,
`ifdef ADDER
    parameter int REST_BITS = COLUMN_BITS + 2 * VALUE_BITS + 1,  // Not to be set from outside.
`endif
    parameter bit HOLDS_BIAS = 0
) (
    input  logic                         clock,
    input  logic                         reset,
    input  logic                         start,
    input  logic                         swap,
    input  logic                         relu,
    input  logic [6:0]                   shift_plus_16,
    input  logic                         has_bias,
    input  logic [SCAN_BITS-1:0]         bias_row,
    input  logic signed [VALUE_BITS-1:0] one,
    input  logic                         load,
    input  logic [ROW_BITS-1:0]          load_row,
    input  logic signed [VALUE_BITS-1:0] load_activation,
    input  logic                         codebook_write,
    input  logic [WEIGHT_BITS-1:0]       codebook_code,
    input  logic signed [VALUE_BITS-1:0] codebook_value,
    input  logic [COLUMN_BITS-1:0]       candidate_column,
    input  logic signed [VALUE_BITS-1:0] candidate_activation,
    input  logic                         fires,
    input  logic                         row_taken,
`ifdef ADDER
    input  logic [REST_BITS-1:0]         sent,
`endif
    output logic                         full,
    output logic signed [VALUE_BITS-1:0] presented,
    output logic                         done,
    output logic                         busy
);
    localparam int BANK_BITS = POINTER_WORDS > 1 ? $clog2(POINTER_WORDS) : 1;
    localparam int SPMAT_BITS = SPMAT_ROWS > 1 ? $clog2(SPMAT_ROWS) : 1;
    localparam int SPMAT_WIDTH = ROW_ENTRIES * (INDEX_BITS + WEIGHT_BITS);

    logic head_valid, ready, pointer_busy, address_valid, address_first, entry_valid, entry_first;
    logic [COLUMN_BITS-1:0] head_column;
    logic signed [VALUE_BITS-1:0] head_activation, address_activation, entry_activation, accumulator, sum3;
    logic bank_read, spmat_sram_read, real1, reads, write, arithmetic_busy;
    logic [BANK_BITS-1:0] even_address, odd_address;
    logic [POINTER_BITS-1:0] even_word, odd_word, address_entry;
    logic [SPMAT_BITS-1:0] spmat_address;
    logic [SPMAT_WIDTH-1:0] spmat_row;
    logic [WEIGHT_BITS-1:0] entry_code;
    logic [INDEX_BITS-1:0] entry_z;
    logic [ROW_BITS-1:0] row, write_row;
`ifdef ADDER
    logic rest_read0, rest_read1;
    logic [ROW_BITS-1:0] rest_address0, rest_address1;
    logic [REST_BITS:0] rest_word0, rest_word1;
`endif

    assign busy = head_valid || pointer_busy || entry_valid || arithmetic_busy;

    activation_queue #(.QUEUE_DEPTH(QUEUE_DEPTH), .COLUMN_BITS(COLUMN_BITS), .VALUE_BITS(VALUE_BITS)) activation_queue (
        .clock, .start, .candidate_column, .candidate_activation, .fires, .ready,
        .full, .valid(head_valid), .column(head_column), .activation(head_activation)
    );

    sram #(.WORDS(POINTER_WORDS), .BITS(POINTER_BITS), .ADDRESS_BITS(BANK_BITS)) even_bank (
        .clock, .read(bank_read), .address(even_address), .word(even_word)
    );

    sram #(.WORDS(POINTER_WORDS), .BITS(POINTER_BITS), .ADDRESS_BITS(BANK_BITS)) odd_bank (
        .clock, .read(bank_read), .address(odd_address), .word(odd_word)
    );

    pointer_read #(
        .COLUMN_BITS(COLUMN_BITS), .BANK_BITS(BANK_BITS), .POINTER_BITS(POINTER_BITS), .VALUE_BITS(VALUE_BITS)
    ) pointer_read (
        .clock, .start, .head_valid, .head_column, .head_activation,
        .bank_read, .even_address, .odd_address, .even_word, .odd_word, .busy(pointer_busy), .ready,
        .valid(address_valid), .first(address_first), .address(address_entry), .activation(address_activation)
    );

    sram #(.WORDS(SPMAT_ROWS), .BITS(SPMAT_WIDTH), .ADDRESS_BITS(SPMAT_BITS)) spmat_sram (
        .clock, .read(spmat_sram_read), .address(spmat_address), .word(spmat_row)
    );

    spmat_read #(
        .INDEX_BITS(INDEX_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ROW_ENTRIES(ROW_ENTRIES), .POINTER_BITS(POINTER_BITS),
        .SPMAT_BITS(SPMAT_BITS), .VALUE_BITS(VALUE_BITS)
    ) spmat_read (
        .clock, .start, .address_valid, .address_first, .address_entry, .address_activation,
        .sram_read(spmat_sram_read), .sram_address(spmat_address), .sram_row(spmat_row),
        .valid(entry_valid), .first(entry_first), .code(entry_code), .z(entry_z), .activation(entry_activation)
    );

    arithmetic_unit #(
        .INDEX_BITS(INDEX_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ROW_BITS(ROW_BITS), .VALUE_BITS(VALUE_BITS)
    ) arithmetic_unit (
        .clock, .start, .shift_plus_16, .codebook_write, .codebook_code, .codebook_value,
        .entry_valid, .entry_first, .entry_code, .entry_z, .entry_activation, .accumulator,
        .row, .real1, .reads, .write, .write_row, .sum3, .busy(arithmetic_busy), .done
    );

    activation_rw #(
        .ACTIVATIONS(ACTIVATIONS), .ROW_BITS(ROW_BITS), .SCAN_BITS(SCAN_BITS), .VALUE_BITS(VALUE_BITS),
`ifdef ADDER
        .REST_BITS(REST_BITS),
`endif
        .HOLDS_BIAS(HOLDS_BIAS)
    ) activation_rw (
`ifdef ADDER
        .sent, .rest_read0, .rest_read1, .rest_address0, .rest_address1, .rest_word0, .rest_word1,
`endif
        .clock, .reset, .start, .swap, .relu, .load, .load_row, .load_activation, .has_bias, .bias_row, .one, .row_taken,
        .arithmetic_row(row), .arithmetic_real(real1), .arithmetic_reads(reads), .arithmetic_write(write),
        .arithmetic_write_row(write_row), .arithmetic_sum3(sum3), .activation(presented), .accumulator
    );
`ifdef ADDER

    sram #(.WORDS(ACTIVATIONS), .BITS(REST_BITS + 1), .ADDRESS_BITS(ROW_BITS)) rest_bank0 (
        .clock, .read(rest_read0), .address(rest_address0), .word(rest_word0)
    );

    sram #(.WORDS(ACTIVATIONS), .BITS(REST_BITS + 1), .ADDRESS_BITS(ROW_BITS)) rest_bank1 (
        .clock, .read(rest_read1), .address(rest_address1), .word(rest_word1)
    );
`endif
endmodule
